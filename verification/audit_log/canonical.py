"""The list of an attempt's columns, and the line of text that is written, sealed and checked.

A canonical line equals the line that PostgreSQL's COPY writes for the row (text format, UTC), so
the database itself can produce millions of them. To add a column, see .github/CONTRIBUTING.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from functools import lru_cache
from typing import Any

VERSION = 1

Encoder = Callable[[Any], str]
#: An attempt's values by column name, as vars() returns them for a model instance.
Values = Mapping[str, Any]


def encode_text(value: str) -> str:
    # Only a backslash needs escaping: every stored text is printable ASCII, see
    # clean() in verification/protocol/request.py.
    return value.replace("\\", "\\\\")


@lru_cache(maxsize=2)  # all attempts of a batch have the same time
def encode_time(value: Any) -> str:
    text: str = value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return text.rstrip("0").rstrip(".") + "+00"


def encode_bytes(value: bytes | memoryview) -> str:
    return "\\\\x" + bytes(value).hex()


#: Old seals were made with the lines of their version, so a version never changes. To add a column,
#: add a version.
COLUMNS_BY_VERSION: dict[int, dict[str, Encoder]] = {
    1: {
        "id": str,
        "recorded_at": encode_time,
        "seal_id": str,
        "account_id": str,
        "token_id": str,
        "duration": str,
        "clock_skew": str,
        "occurrences": str,
        "kind": str,
        "method": str,
        "outcome": str,
        "reason": str,
        "status": str,
        "marks": str,
        "request_id": str,
        "signature": encode_bytes,
        "client_ip": str,
        "detail": encode_text,
        "path_slug": encode_text,
        "timestamp": encode_text,
        "nonce": encode_text,
        "echostr": encode_text,
        "user_agent": encode_text,
        "host": encode_text,
    },
}
COLUMNS = COLUMNS_BY_VERSION[VERSION]


def canonical_line(attempt: Values, version: int = VERSION) -> bytes:
    """Return the attempt's canonical line in this version, with its line break."""
    texts = [
        "\\N" if (value := attempt[name]) is None else encode(value)
        for name, encode in COLUMNS_BY_VERSION[version].items()
    ]
    # Attempts recorded here are ASCII. A row that somebody altered may not be, and must still be
    # readable, so that the check can report it.
    return ("\t".join(texts) + "\n").encode()
