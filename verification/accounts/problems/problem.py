"""Defines what a function that finds a problem returns."""

from __future__ import annotations

from dataclasses import dataclass

from verification.accounts.levels import Level
from verification.models import VerificationAttempt


@dataclass(frozen=True)
class Problem:
    """Something that needs attention."""

    level: Level
    text: str
    advice: str
    attempt: VerificationAttempt | None = None  #: the refused attempt that shows it
    name: str = ""  #: the name of the function that found it
