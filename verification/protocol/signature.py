"""Compute and verify WeChat's signatures: SHA-1 over the token and other parts, sorted.

`signature` covers the timestamp and the nonce. `msg_signature` also covers the encrypted text: the
message of a push, or the echostr of WeCom.

Reference: https://developers.weixin.qq.com/doc/offiaccount/Getting_Started/message-push.html
"""

from __future__ import annotations

import hashlib
import hmac
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from verification.protocol.enums import is_wecom_call

#: The project's only constant-time comparison. Pass bytes: it raises an error on non-ASCII text.
constant_time_compare = hmac.compare_digest
EMPTY_DIGEST = hashlib.sha1(b"", usedforsecurity=False).digest()


def compute_signature(token: str, *parts: str) -> bytes:
    """Return the 20-byte signature. The token and the other parts are sorted as bytes and joined.

    The parts are the timestamp and the nonce, and for `msg_signature` the encrypted text as well.
    """
    [signature] = compute_signatures([token.encode()], parts)
    return signature


def compute_signatures(tokens: Iterable[bytes], parts: Iterable[str]) -> list[bytes]:
    """Return the signature of the parts with each of the tokens.

    Up to fifty accounts answer at /, so the parts are sorted only once.
    """
    ordered = sorted(part.encode() for part in parts)
    joined = b"".join(ordered)
    ends = [0, *accumulate(map(len, ordered))]
    # What precedes and what follows a token, at each place that it may take.
    places = [(joined[:end], joined[end:]) for end in ends]
    texts = []
    for token in tokens:
        before, after = places[bisect_left(ordered, token)]
        texts.append(before + token + after)
    return [hashlib.sha1(text, usedforsecurity=False).digest() for text in texts]


def signed_parts(marks: int, timestamp: str, nonce: str, echostr: str) -> tuple[str, ...]:
    """Return what the signature of a call with these marks covers, except for a push's message."""
    return (timestamp, nonce, echostr) if is_wecom_call(marks) else (timestamp, nonce)


def is_signed_with_empty_token(parts: Sequence[str], signature: bytes) -> bool:
    """Return whether the signature was made with an empty token, or is the hash of no bytes.

    Probes send both, to find servers that accept them.
    """
    return signature in {compute_signature("", *parts), EMPTY_DIGEST}


def verify_signature(token: str, parts: Sequence[str], signature: bytes) -> bool:
    """Return whether `signature` (20 bytes) was made with `token`. An empty token never matches."""
    [is_valid] = verify_signatures([token.encode()], parts, signature)
    return is_valid


def verify_signatures(
    tokens: Sequence[bytes], parts: Sequence[str], signature: bytes
) -> list[bool]:
    """Return the result of verify_signature() for each token.

    All tokens are tried even after a match, so that the time does not reveal which one matched.
    """
    expected = compute_signatures(tokens, parts)
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
