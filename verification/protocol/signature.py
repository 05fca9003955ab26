"""WeChat's signature: SHA-1 over the sorted token, timestamp and nonce.

Reference: https://developers.weixin.qq.com/doc/offiaccount/Getting_Started/message-push.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence

#: The only constant-time compare of the project, on bytes: it raises on non-ASCII text.
constant_time_compare = hmac.compare_digest
EMPTY_DIGEST = hashlib.sha1(b"", usedforsecurity=False).digest()


def compute_signature(token: str, timestamp: str, nonce: str) -> bytes:
    """The 20-byte digest; the three are sorted as byte strings and joined without a separator."""
    [signature] = compute_signatures([token.encode()], timestamp, nonce)
    return signature


def compute_signatures(tokens: Iterable[bytes], timestamp: str, nonce: str) -> list[bytes]:
    """With each token in turn. Fifty answer at /, so the other two are sorted only once."""
    first, second = sorted((timestamp.encode(), nonce.encode()))
    both = first + second
    texts = [
        token + both
        if token <= first
        else (first + token + second if token <= second else both + token)
        for token in tokens
    ]
    return [hashlib.sha1(text, usedforsecurity=False).digest() for text in texts]


def is_signed_with_empty_token(timestamp: str, nonce: str, signature: bytes) -> bool:
    """Whether an empty token made it, or the hash of nothing is all there is: what probes send to
    servers that take one for a signature."""
    return signature in {compute_signature("", timestamp, nonce), EMPTY_DIGEST}


def verify_signature(token: str, timestamp: str, nonce: str, signature: bytes) -> bool:
    """Whether `signature` (20 bytes) was made with `token`. An empty token matches nothing."""
    [is_right] = verify_signatures([token.encode()], timestamp, nonce, signature)
    return is_right


def verify_signatures(
    tokens: Sequence[bytes], timestamp: str, nonce: str, signature: bytes
) -> list[bool]:
    """As verify_signature(), for each token; all are tried, whether or not an earlier one fits."""
    rights = compute_signatures(tokens, timestamp, nonce)
    return [
        constant_time_compare(right, signature) and token != b""
        for token, right in zip(tokens, rights, strict=True)
    ]


def make_self_test_nonce(key: bytes, timestamp: str, salt: str) -> str:
    """A nonce that only our own self-test can have: the salt (8 hex digits) and 96 bits of MAC.

    In the nonce, because a proxy may remove a header; WeChat's own are made of digits, and no
    chance hits 96 bits.
    """
    proof = hmac.digest(key, f"{timestamp} {salt}".encode(), "sha256")
    return salt + proof.hex()[:24]


def is_self_test_nonce(key: bytes, timestamp: str, nonce: str) -> bool:
    return constant_time_compare(
        make_self_test_nonce(key, timestamp, nonce[:8]).encode(), nonce.encode()
    )
