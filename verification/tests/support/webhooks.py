"""Sign requests as Standard Webhooks describes, independently of the project's own code."""

from __future__ import annotations

import base64
import hmac

from verification.tests.support.backend import WEBHOOK_SECRET


def webhook_signature(secret: str, webhook_id: str, timestamp: str, body: bytes) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def webhook_headers(
    body: bytes,
    *secrets: str,
    webhook_id: str = "msg_p5jXN8AQM9LWM0D4loKWxJek",
    timestamp: str = "1714036504",
) -> dict[str, str]:
    """Return the headers of a request that is signed with each of these secrets."""
    signatures = [
        webhook_signature(secret, webhook_id, timestamp, body)
        for secret in secrets or (WEBHOOK_SECRET,)
    ]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }
