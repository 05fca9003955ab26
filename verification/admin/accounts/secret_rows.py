"""Describes the secrets of an account for its page, without the secrets themselves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from verification.admin.base import MINUTE
from verification.models.rotating_secret import RotatingSecret
from verification.times import format_datetime


@dataclass(frozen=True)
class SecretRow:
    """Holds what the card shows of one secret."""

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


def describe_first_use(secret: RotatingSecret, texts: dict[str, Any], *, is_live: bool) -> Any:
    if secret.first_used_at is not None:
        return format_datetime(secret.first_used_at, MINUTE)
    return texts["unused"] if is_live else "–"


def describe_end(secret: RotatingSecret, texts: dict[str, Any]) -> Any:
    if secret.expires_at is not None:
        return format_datetime(secret.expires_at, MINUTE)
    return "–" if secret.is_current else texts["ends_after_use"]
