"""The interface of an adapter, as the contract tests use it."""

from __future__ import annotations

import time
from typing import NamedTuple

from verification.models import DeliveryTally, VerificationAttempt
from verification.protocol.enums import DeliveryResult
from verification.tests.support.messages import text_message
from verification.tests.support.signer import push

A = "TokenOfBrandA1234"
B = "TokenOfBrandB5678"
TEXT = text_message("hello", msg_id="24000000000000001")


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

    def printed(self) -> str:
        """Return what the server has printed."""
        raise AssertionError("Subclasses must implement printed().")

    def push(self, body: bytes = TEXT, token: str = A, **rest: str) -> tuple[int, bytes]:
        """Send a message push to brand-a, and return status and body of the answer."""
        return self.push_encrypted((body, push(token, **rest)))

    def push_encrypted(self, body_and_query: tuple[bytes, str]) -> tuple[int, bytes]:
        body, query = body_and_query
        answer = self.send("POST", f"/wechat/brand-a?{query}", {"Content-Type": "text/xml"}, body)
        return answer.status, answer.body

    def wait_for_count_of(self, result: DeliveryResult) -> int:
        """Return how many deliveries ended so. Processes write this once a second."""
        for _ in range(30):
            if tally := DeliveryTally.objects.filter(result=result).first():
                return tally.count
            time.sleep(0.1)
        return 0


def last_attempt() -> VerificationAttempt:
    attempt = VerificationAttempt.objects.order_by("id").last()
    assert attempt is not None
    return attempt
