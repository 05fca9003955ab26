"""Unmistakable secrets, the encodings in which they may leak, and where to look for them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable
from typing import Any

from django.db import connection

TOKEN = "Zk7wQnTx4VbRmPc9LsHd2GyF"
NEXT_TOKEN = "Jv3eXuNq8YtBaWi6KoDf5CzM"
PASSWORD = "Wq4-goldfinch-Uv8-bramble"
NEXT_PASSWORD = "Rt5-nuthatch-Yz3-thistle"
#: What a follower wrote, in a message that waits for its backend.
MESSAGE = "Hs6-siskin-Nb2-foxglove"

Encoding = Callable[[str], str]


def in_base64(secret: str, offset: int) -> str:
    """Return the base64 text of a secret after `offset` bytes, without the parts that vary."""
    text = base64.b64encode(bytes(offset) + secret.encode()).decode()
    return text[4 if offset else 0 : -4]


ENCODINGS: dict[str, Encoding] = {
    "in plain text": str,
    "its first 8 characters": lambda secret: secret[:8],
    "its last 8 characters": lambda secret: secret[-8:],
    "in hex": lambda secret: secret.encode().hex(),
    "in hex, upper-case": lambda secret: secret.encode().hex().upper(),
    "in base64": lambda secret: in_base64(secret, 0),
    "in base64 after one byte": lambda secret: in_base64(secret, 1),
    "in base64 after two": lambda secret: in_base64(secret, 2),
}


def find(secrets: Iterable[str], text: str) -> list[str]:
    """Return which secrets the text contains, by two characters, and in which encoding."""
    return [
        f"{secret[:2]}… {name}"
        for secret in secrets
        for name, encode in ENCODINGS.items()
        if encode(secret) in text
    ]


def read_tables(*tables: str) -> str:
    """Return every value of the tables, by default all, as a stolen copy of the database has it."""
    values: list[Any] = []
    with connection.cursor() as cursor:
        for table in tables or connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {table}")
            values += [value for row in cursor.fetchall() for value in row]
    return "\n".join(_as_text(value) for value in values)


def _as_text(value: object) -> str:
    is_binary = isinstance(value, bytes | memoryview)
    return bytes(value).decode("latin-1") if is_binary else str(value)  # type: ignore[call-overload]
