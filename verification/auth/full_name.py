"""Formats the full names of users."""

from __future__ import annotations

import re
from typing import Any

CHINESE = re.compile(r"[\u3400-\u9fff]")


def full_name_of(user: Any) -> str:
    """Return the user's full name, with the family name first if it is Chinese."""
    first, last = user.first_name.strip(), user.last_name.strip()
    if CHINESE.search(last):
        return f"{last}{first}"
    return f"{first} {last}".strip()
