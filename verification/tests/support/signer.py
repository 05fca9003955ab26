"""Sign requests as WeChat documents it, independently of the project's own code."""

from __future__ import annotations

import hashlib
import hmac
import itertools
from urllib.parse import urlencode

from verification.keys import self_test_key

SEED = {
    "signature": "096abd439b41f9610aeabe2d7534084fd8dafa20",
    "echostr": "16168327802220428137",
    "timestamp": "1512810825",
    "nonce": "384289189",
}


def signature(token: str, timestamp: str, nonce: str, *encrypt: str) -> str:
    """Return `signature`, or `msg_signature`, which covers the text of Encrypt, too."""
    joined = "".join(sorted([token, timestamp, nonce, *encrypt]))
    return hashlib.new("sha1", joined.encode("ascii")).hexdigest()


def signed(
    token: str, *, timestamp: str = "1714036504", nonce: str = "1514711492"
) -> dict[str, str]:
    """Return the parameters that URL verifications and message pushes have in common."""
    return {
        "signature": signature(token, timestamp, nonce),
        "timestamp": timestamp,
        "nonce": nonce,
    }


def self_test_nonce(
    *, timestamp: str = "1714036504", key: bytes | None = None, body: bytes | None = None
) -> str:
    """Return a nonce as a self-test of this server has it; with `body`, a test message."""
    key = key or self_test_key()
    salt = "c0ffee00"
    if body is not None:
        salt = hmac.new(key, b"message " + body, "sha256").hexdigest()[:8]
    return salt + hmac.new(key, f"{timestamp} {salt}".encode(), "sha256").hexdigest()[:24]


def verification(token: str, *, echostr: str = "4375120948345356249", **rest: str) -> str:
    """Return the query string of a URL verification."""
    return urlencode({**signed(token, **rest), "echostr": echostr})


#: A process forwards pushes with one signature 20 times a minute only.
nonces = itertools.count(1_514_711_493)


def push(token: str, **rest: str) -> str:
    """Return the query string of a message push, by default with a nonce of its own."""
    rest.setdefault("nonce", str(next(nonces)))
    return urlencode({**signed(token, **rest), "openid": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY"})
