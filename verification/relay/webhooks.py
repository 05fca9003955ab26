"""Sign forwarded pushes as Standard Webhooks do: https://www.standardwebhooks.com"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence

from verification.fields import Secret

PREFIX = "whsec_"


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
