"""The models of the app. Each file holds one model, or several that belong together."""

from __future__ import annotations

from verification.models.account import OfficialAccount, Token
from verification.models.aes_key import AESKey
from verification.models.alert import Alert, WatchPosition
from verification.models.attempt import VerificationAttempt
from verification.models.backend import Backend
from verification.models.chain import ChainHead, Checkpoint, Seal
from verification.models.change_event import ChangeEvent
from verification.models.delivery import Delivery, DeliveryTally
from verification.models.failure_tally import FailureTally
from verification.models.pending_reveal import PendingReveal
from verification.models.tally import Tally
from verification.models.totp_device import RecoveryCode, TotpDevice

__all__ = [
    "AESKey",
    "Alert",
    "Backend",
    "ChainHead",
    "ChangeEvent",
    "Checkpoint",
    "Delivery",
    "DeliveryTally",
    "FailureTally",
    "OfficialAccount",
    "PendingReveal",
    "RecoveryCode",
    "Seal",
    "Tally",
    "Token",
    "TotpDevice",
    "VerificationAttempt",
    "WatchPosition",
]
