"""Secrets that nothing else looks like, and what they look like in disguise."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable

TOKEN = "Zk7wQnTx4VbRmPc9LsHd2GyF"
NEXT_TOKEN = "Jv3eXuNq8YtBaWi6KoDf5CzM"
PASSWORD = "Wq4-goldfinch-Uv8-bramble"
NEXT_PASSWORD = "Rt5-nuthatch-Yz3-thistle"

Disguise = Callable[[str], str]


def in_base64(secret: str, offset: int) -> str:
    """The part that is the same whatever stands before, `offset` bytes of it, and behind."""
    text = base64.b64encode(bytes(offset) + secret.encode()).decode()
    return text[4 if offset else 0 : -4]


DISGUISES: dict[str, Disguise] = {
    "as it is": str,
    "its first 8 characters": lambda secret: secret[:8],
    "its last 8 characters": lambda secret: secret[-8:],
    "in hex": lambda secret: secret.encode().hex(),
    "in hex, upper-case": lambda secret: secret.encode().hex().upper(),
    "in base64": lambda secret: in_base64(secret, 0),
    "in base64 behind one byte": lambda secret: in_base64(secret, 1),
    "in base64 behind two": lambda secret: in_base64(secret, 2),
}


def find(secrets: Iterable[str], text: str) -> list[str]:
    """Which secrets are in the text, and how; the names of disguises, never the secret."""
    return [
        f"{secret[:2]}… {name}"
        for secret in secrets
        for name, disguise in DISGUISES.items()
        if disguise(secret) in text
    ]
