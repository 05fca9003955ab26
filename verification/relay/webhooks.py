"""Make requests to backends, signed as Standard Webhooks do: https://www.standardwebhooks.com"""

from __future__ import annotations

import base64
import hmac
import time
from collections.abc import Sequence
from typing import Protocol

from verification.fields import Secret
from verification.protocol.request import FORWARDED_HEADER
from verification.relay.client import Forwarded, forward_url
from verification.relay.payload import Payload

PREFIX = "whsec_"


class Receiver(Protocol):
    """A backend: what Target and Route have in common."""

    @property
    def slug(self) -> str: ...
    @property
    def url(self) -> str: ...
    @property
    def secrets(self) -> Sequence[str]: ...


def make_forwarded(
    receiver: Receiver, webhook_id: str, request_id: object, payload: Payload
) -> Forwarded:
    """Return the request to a backend, signed now. Raises UndecryptableSecret."""
    now = int(time.time())
    return Forwarded(
        url=forward_url(receiver.url, payload.query),
        content_type=payload.content_type,
        body=payload.body,
        headers={
            **webhook_headers(receiver.secrets, webhook_id, payload.body, now),
            FORWARDED_HEADER: receiver.slug,
            "X-Request-ID": str(request_id),
        },
    )


def webhook_headers(
    secrets: Sequence[str], webhook_id: str, body: bytes, now: int
) -> dict[str, str]:
    """Return the three headers. `secrets` are encrypted; `now` is in seconds since 1970.

    During a rotation there are two secrets, and a signature with each. Raises UndecryptableSecret.
    """
    signed = b"%s.%d.%s" % (webhook_id.encode(), now, body)
    signatures = [
        hmac.digest(decode_webhook_secret(Secret(secret).reveal()), signed, "sha256")
        for secret in secrets
    ]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(
            f"v1,{base64.b64encode(signature).decode()}" for signature in signatures
        ),
    }


def decode_webhook_secret(text: str) -> bytes:
    return base64.b64decode(text.removeprefix(PREFIX))
