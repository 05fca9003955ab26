"""Defines a row of the table of secrets on the account page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from verification.models.rotating_secret import RotatingSecret


@dataclass(frozen=True)
class SecretRow:
    """Describes a secret on the account page, without the secret itself."""

    secret: RotatingSecret
    state: Any
    since: str
    created_by: str
    first_used: Any
    valid_until: Any
    is_retired: bool
    keep_url: str  #: empty if it cannot be kept longer
    retire_url: str  #: empty if it cannot be retired
    retire_text: Any
