"""Compute and verify WeChat's signature: SHA-1 over the sorted token, timestamp and nonce.

Reference: https://developers.weixin.qq.com/doc/offiaccount/Getting_Started/message-push.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence

#: The project's only constant-time comparison. Pass bytes: it raises an error on non-ASCII text.
constant_time_compare = hmac.compare_digest
EMPTY_DIGEST = hashlib.sha1(b"", usedforsecurity=False).digest()


def compute_signature(token: str, timestamp: str, nonce: str) -> bytes:
    """Return the 20-byte signature. The parts are sorted as bytes, then joined."""
    [signature] = compute_signatures([token.encode()], timestamp, nonce)
    return signature


def compute_signatures(tokens: Iterable[bytes], timestamp: str, nonce: str) -> list[bytes]:
    """Return the signature with each of the tokens.

    Up to fifty accounts answer at /, so the timestamp and the nonce are sorted only once.
    """
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
    """Return whether the signature was made with an empty token, or is the hash of no bytes.

    Probes send both, to find servers that accept them.
    """
    return signature in {compute_signature("", timestamp, nonce), EMPTY_DIGEST}


def verify_signature(token: str, timestamp: str, nonce: str, signature: bytes) -> bool:
    """Return whether `signature` (20 bytes) was made with `token`. An empty token never matches."""
    [is_valid] = verify_signatures([token.encode()], timestamp, nonce, signature)
    return is_valid


def verify_signatures(
    tokens: Sequence[bytes], timestamp: str, nonce: str, signature: bytes
) -> list[bool]:
    """Return the result of verify_signature() for each token.

    All tokens are tried even after a match, so that the time does not reveal which one matched.
    """
    expected = compute_signatures(tokens, timestamp, nonce)
    return [
        constant_time_compare(valid, signature) and token != b""
        for token, valid in zip(tokens, expected, strict=True)
    ]


def make_self_test_nonce(key: bytes, timestamp: str, salt: str) -> str:
    """Return a nonce that only a self-test of this server can have.

    It consists of the salt (8 hex digits) and 96 bits of a MAC. The proof is in the nonce, because
    a proxy may remove a header. WeChat's own nonces are made of digits, and cannot match 96 bits by
    chance.
    """
    proof = hmac.digest(key, f"{timestamp} {salt}".encode(), "sha256")
    return salt + proof.hex()[:24]


def is_self_test_nonce(key: bytes, timestamp: str, nonce: str) -> bool:
    """Return whether make_self_test_nonce() made this nonce for this timestamp."""
    expected = make_self_test_nonce(key, timestamp, nonce[:8])
    return constant_time_compare(expected.encode(), nonce.encode())


def make_self_test_salt(key: bytes, body: bytes) -> str:
    """Return the salt of a self-test that sends a message: a MAC that binds the nonce to it.

    The URL of a test message is in logs of proxies and backends, and must not send another one.
    """
    return hmac.digest(key, b"message " + body, "sha256").hex()[:8]
