"""The interface of an adapter, as the contract tests use it."""

from __future__ import annotations

from typing import NamedTuple

from verification.models import VerificationAttempt

A = "TokenOfBrandA1234"
B = "TokenOfBrandB5678"


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]  #: lower-case names
    body: bytes


class Adapter:
    def send(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """Send a request to `target`, a percent-encoded path and query string."""
        raise AssertionError("Subclasses must implement send().")


def last_attempt() -> VerificationAttempt:
    attempt = VerificationAttempt.objects.order_by("id").last()
    assert attempt is not None
    return attempt
