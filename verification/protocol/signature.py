"""WeChat's signature: SHA-1 over the sorted token, timestamp and nonce.

Reference: https://developers.weixin.qq.com/doc/offiaccount/Getting_Started/message-push.html
"""

from __future__ import annotations

import hashlib
import hmac


def compute_signature(token: str, timestamp: str, nonce: str) -> bytes:
    """The 20-byte digest; the three are sorted as byte strings and joined without a separator."""
    parts = sorted(part.encode() for part in (token, timestamp, nonce))
    return hashlib.sha1(b"".join(parts), usedforsecurity=False).digest()


def verify_signature(token: str, timestamp: str, nonce: str, signature: bytes) -> bool:
    """Whether `signature` (20 bytes) was made with `token`. An empty token matches nothing.

    The only constant-time compare of the project, on bytes: compare_digest raises on
    non-ASCII text.
    """
    is_equal = hmac.compare_digest(compute_signature(token, timestamp, nonce), signature)
    return is_equal and token != ""
