"""How much of it: a little in script/test, all of it in script/fire."""

from __future__ import annotations

import os

LONG = os.environ.get("FIRE") == "long"


def scale(quick: int, long: int) -> int:
    return long if LONG else quick
