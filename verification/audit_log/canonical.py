"""The one list of an attempt's columns, and the text line that is written, sealed and checked.

A canonical line is the line that PostgreSQL's COPY writes for the row (text format, UTC), so
the database itself can produce millions of them. .github/CONTRIBUTING.md says how to add a column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC
from functools import lru_cache
from typing import Any

VERSION = 1

Encoder = Callable[[Any], str]
#: An attempt's columns by their names, as vars() of a model has them.
Values = Mapping[str, Any]


def encode_text(value: str) -> str:
    # Only a backslash needs escaping: the border lets no control character through.
    return value.replace("\\", "\\\\")


@lru_cache(maxsize=2)  # a batch has one time
def encode_time(value: Any) -> str:
    text: str = value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    return text.rstrip("0").rstrip(".") + "+00"


def encode_bytes(value: bytes | memoryview) -> str:
    return "\\\\x" + bytes(value).hex()


#: The lines of old seals must stay as they were made: a new column comes with a new version.
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
    """With its line break."""
    texts = [
        "\\N" if (value := attempt[name]) is None else encode(value)
        for name, encode in COLUMNS_BY_VERSION[version].items()
    ]
    # What we write is ASCII; what others wrote is still to be read.
    return ("\t".join(texts) + "\n").encode()
