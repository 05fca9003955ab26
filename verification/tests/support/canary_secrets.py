"""Unmistakable secrets, and the encodings in which they may leak."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable

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
