"""The lines of a sealed export: JSON, each with the one spelling that it may have."""

from __future__ import annotations

import json
import re
from typing import Any

from django.utils import timezone

from verification.models import ChainHead, Seal
from wechat_gateway import __version__

FORMAT = "sealed log of wechat_gateway"
FORMAT_VERSION = 1
SEAL_KEYS = ["seal", "first_id", "count", "version", "key_id", "digest", "mac"]
HEXADECIMAL = re.compile(r"[0-9a-f]*")

Entry = dict[str, Any]


def dump(entry: Entry) -> bytes:
    return f"{json.dumps(entry)}\n".encode("ascii")


def load(line: bytes) -> Entry:
    """Raises ValueError, also where a line says the same in other bytes than ours."""
    try:
        entry = json.loads(line)
    except RecursionError as error:
        raise ValueError("too deep") from error
    if type(entry) is not dict or dump(entry) != line:
        raise ValueError("not a line of ours")
    return entry


# --- What is in them


def first_entry(start: ChainHead) -> Entry:
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "exported_at": timezone.localtime().isoformat(timespec="seconds"),
        "release": __version__,
        "continues": place_entry(start),
    }


def place_entry(place: ChainHead) -> Entry | None:
    """None for the beginning of all."""
    if not place.last_seal_id:
        return None
    digest = bytes(place.last_digest).hex()
    return {"seal": place.last_seal_id, "attempt": place.last_attempt_id, "digest": digest}


def seal_entry(seal: Seal) -> Entry:
    return {
        "seal": seal.id,
        "first_id": seal.first_id,
        "count": seal.count,
        "version": seal.version,
        "key_id": seal.key_id,
        "digest": bytes(seal.digest).hex(),
        "mac": bytes(seal.mac).hex(),
    }


def to_place(entry: Any) -> ChainHead:
    if entry is None:
        return ChainHead()
    if type(entry) is not dict or [*entry] != ["seal", "attempt", "digest"]:
        raise ValueError("no place in a chain")
    return ChainHead(
        last_seal_id=to_number(entry["seal"]),
        last_attempt_id=to_number(entry["attempt"]),
        last_digest=to_bytes(entry["digest"], 32),
    )


def to_seal(entry: Entry) -> Seal:
    if [*entry] != SEAL_KEYS:
        raise ValueError("no seal")
    return Seal(
        id=to_number(entry["seal"]),
        first_id=to_number(entry["first_id"]),
        count=to_number(entry["count"]),
        version=to_number(entry["version"]),
        key_id=to_bytes(entry["key_id"], 4).hex(),
        digest=to_bytes(entry["digest"], 32),
        mac=to_bytes(entry["mac"], 32),
    )


def to_number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("no number")
    return value


def to_bytes(text: Any, size: int) -> bytes:
    if not (type(text) is str and len(text) == 2 * size and HEXADECIMAL.fullmatch(text)):
        raise ValueError("not so many bytes in hexadecimal")
    return bytes.fromhex(text)
