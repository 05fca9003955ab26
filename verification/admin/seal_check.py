"""Verifies one seal while the page that shows it opens."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone

from verification.audit_log.chain import BrokenChain
from verification.audit_log.verifier import verify_seal
from verification.models import Seal
from verification.times import format_datetime

#: Hexadecimal digits of a digest that tell it from others on a page.
SHORT_DIGEST = 16


@dataclass(frozen=True)
class SealCheck:
    """Holds a seal and the result of verifying it."""

    seal: Seal
    problem: str  #: a sentence; empty if the seal verifies
    at: str

    @property
    def short_digest(self) -> str:
        return bytes(self.seal.digest).hex()[:SHORT_DIGEST]


def check_seal(seal: Seal) -> SealCheck:
    """Verify that a seal continues the one before, and that its attempts are as they were."""
    at = format_datetime(timezone.now())
    try:
        verify_seal(seal)
    except BrokenChain as broken:
        return SealCheck(seal, str(broken), at)
    return SealCheck(seal, "", at)
