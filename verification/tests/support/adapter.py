"""Whoever stands between the wire and the verdict, as the contract sees it."""

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
        """`target` is a path and query string, percent-encoded."""
        raise AssertionError("a subclass sends")


def last_attempt() -> VerificationAttempt:
    attempt = VerificationAttempt.objects.order_by("id").last()
    assert attempt is not None
    return attempt
