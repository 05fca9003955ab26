"""Sign requests as Standard Webhooks describes, with its own library."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

from verification.tests.support.backend import WEBHOOK_SECRET


def webhook_headers(
    body: bytes,
    *secrets: str,
    webhook_id: str = "msg_p5jXN8AQM9LWM0D4loKWxJek",
    age: timedelta = timedelta(),
) -> dict[str, str]:
    """Return the headers of a request that is signed with each of these secrets."""
    sent = datetime.now(UTC) - age
    signatures = [
        Webhook(secret).sign(webhook_id, sent, body.decode())
        for secret in secrets or (WEBHOOK_SECRET,)
    ]
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(sent.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
