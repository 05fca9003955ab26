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
    """Whether `signature` (20 bytes) was made with `token`. An empty token matches nothing."""
    return is_same(compute_signature(token, timestamp, nonce), signature) and token != ""


def compute_proof(key: bytes, timestamp: str, nonce: str) -> bytes:
    """What our own self-test shows, so that nobody takes it for WeChat; 32 bytes."""
    return hmac.digest(key, f"{timestamp} {nonce}".encode(), "sha256")


def verify_proof(key: bytes, timestamp: str, nonce: str, proof: bytes) -> bool:
    return is_same(compute_proof(key, timestamp, nonce), proof)


def is_same(right: bytes, claimed: bytes) -> bool:
    """The only constant-time compare of the project, on bytes: compare_digest raises on
    non-ASCII text.
    """
    return hmac.compare_digest(right, claimed)
