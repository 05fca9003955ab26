"""Writes the sealed export: the whole log as one JSON Lines file, verifiable without the server.

The first line says what the file is. Then comes each seal, followed by the attempts that it covers.
The last line has the totals. An attempt has the values of its canonical line, with labels instead
of numbers. The file holds nothing else, so that a reader can verify everything in it.
"""

from __future__ import annotations

import json
import re
from typing import Any

from django.utils import timezone

from verification import __version__
from verification.audit_log.canonical import COLUMNS_BY_VERSION, encode_text
from verification.audit_log.checkpoint import start_of_log
from verification.audit_log.reader import read_seal_batches
from verification.audit_log.verifier import split_by_seal
from verification.exports.writer import Pieces
from verification.models import ChainHead, Checkpoint, Seal
from verification.protocol.enums import Kind, Method, Outcome, Reason, Term

FORMAT = "sealed log of wechat_gateway"
FORMAT_VERSION = 1
SEAL_KEYS = ["seal", "first_id", "count", "version", "key_id", "digest", "mac"]
HEXADECIMAL = re.compile(r"[0-9a-f]*")

Entry = dict[str, Any]

NUMBERS = {
    *("id", "seal_id", "account_id", "token_id", "duration", "clock_skew"),
    *("occurrences", "status", "marks"),
}
CLOSED_LISTS: dict[str, type[Term]] = {
    "kind": Kind,
    "method": Method,
    "outcome": Outcome,
    "reason": Reason,
}
LABELS = {
    name: {str(int(member)): member.label for member in members}
    for name, members in CLOSED_LISTS.items()
}
NUMBERS_BY_LABEL = {
    name: {text: number for number, text in labels.items()} for name, labels in LABELS.items()
}
BYTES_PREFIX = "\\\\x"
NULL = "\\N"

Record = dict[str, Any]


def sealed_pieces() -> Pieces:
    """Yield the file in pieces. Read all of them in one read_snapshot()."""
    seals, rows = 0, 0
    start = start_of_log(Checkpoint.objects.first())
    yield dump(first_entry(start)), 0
    for batch in read_seal_batches(start):
        for seal, lines in split_by_seal(batch):
            attempts = [dump(to_record(line, seal.version)) for line in lines]
            yield b"".join([dump(seal_entry(seal)), *attempts]), len(lines)
            seals, rows = seals + 1, rows + len(lines)
    head = ChainHead.objects.first() or start
    yield dump({"rows": rows, "seals": seals, "head": place_entry(head)}), 0


# --- Lines


def dump(entry: Entry) -> bytes:
    return f"{json.dumps(entry)}\n".encode("ascii")


def load(line: bytes) -> Entry:
    """Return the entry of a line. Raise ValueError for any line that dump() would not write.

    A line with the same content in other bytes is refused too, so that all readers see one file.
    """
    try:
        entry = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if type(entry) is not dict or dump(entry) != line:
        raise ValueError("not a line that an export writes")
    return entry


# --- The first line, seals and the last line


def first_entry(start: ChainHead) -> Entry:
    return {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "exported_at": timezone.localtime().isoformat(timespec="seconds"),
        "release": __version__,
        "continues": place_entry(start),
    }


def place_entry(place: ChainHead) -> Entry | None:
    """Return a place in the chain as an entry, None for its beginning."""
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
        raise ValueError("not a place in a chain")
    return ChainHead(
        last_seal_id=to_number(entry["seal"]),
        last_attempt_id=to_number(entry["attempt"]),
        last_digest=to_bytes(entry["digest"], 32),
    )


def to_seal(entry: Entry) -> Seal:
    if [*entry] != SEAL_KEYS:
        raise ValueError("not a seal")
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
        raise ValueError("not a number")
    return value


def to_bytes(text: Any, size: int) -> bytes:
    if not (type(text) is str and len(text) == 2 * size and HEXADECIMAL.fullmatch(text)):
        raise ValueError(f"not {size} bytes in hexadecimal")
    return bytes.fromhex(text)


# --- Attempts


def to_record(line: bytes, version: int) -> Record:
    """Return the values of a canonical line by column name, with labels instead of numbers.

    A line that this project cannot have written is exported unchanged, under the key `unreadable`.
    """
    text = line.decode().removesuffix("\n")
    try:
        columns = zip(COLUMNS_BY_VERSION[version], text.split("\t"), strict=True)
        return {name: None if value == NULL else _decode(name, value) for name, value in columns}
    except (KeyError, ValueError):
        return {"unreadable": text}


def _decode(name: str, text: str) -> Any:
    if name in NUMBERS:
        return int(text)
    if name in LABELS:
        return LABELS[name][text]
    if name == "signature":
        return text.removeprefix(BYTES_PREFIX)
    return text.replace("\\\\", "\\")


def to_line(record: Record, version: int) -> bytes:
    """Return the canonical line of a record. Raise ValueError if no attempt has such a record."""
    columns = COLUMNS_BY_VERSION[version]
    if [*record] != [*columns]:
        raise ValueError("not the columns of an attempt")
    texts = [NULL if value is None else _encode(name, value) for name, value in record.items()]
    line = "\t".join(texts)
    # Otherwise one value could be read as two, or one attempt as another.
    if record["id"] is None or "\n" in line or line.count("\t") != len(columns) - 1:
        raise ValueError("not the values of an attempt")
    return f"{line}\n".encode()


def _encode(name: str, value: Any) -> str:
    if name in NUMBERS:
        return str(_require(int, value))
    text: str = _require(str, value)
    if name in LABELS:
        return str(_require(str, NUMBERS_BY_LABEL[name].get(text)))
    if name == "signature":
        return BYTES_PREFIX + text
    return encode_text(text)


def _require(kind: type, value: Any) -> Any:
    if type(value) is not kind:  # isinstance() would accept True as an int
        raise ValueError(f"{value!r} is not of type {kind.__name__}")
    return value
