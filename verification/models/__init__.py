"""One noun a file."""

from __future__ import annotations

from verification.models.attempt import VerificationAttempt
from verification.models.chain import ChainHead, Seal
from verification.models.change_event import ChangeEvent
from verification.models.official_account import OfficialAccount
from verification.models.tally import Tally
from verification.models.token import Token

__all__ = [
    "ChainHead",
    "ChangeEvent",
    "OfficialAccount",
    "Seal",
    "Tally",
    "Token",
    "VerificationAttempt",
]
