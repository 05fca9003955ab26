"""The sealed export: the whole log in one JSON Lines file that can be verified without the server.

The lines are: what the file is; each seal, followed by the attempts that it covers; the totals. An
attempt is its canonical line in words. The file holds nothing else, so everything that a reader
sees in it can be verified.
"""

from __future__ import annotations

import json
import re
from typing import Any

from django.utils import timezone

from verification import __version__
from verification.audit_log.canonical import COLUMNS_BY_VERSION, encode_text
from verification.audit_log.reader import read_seal_batches
from verification.audit_log.verifier import by_seal
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
    """To be read in one moment."""
    checkpoint, seals, rows = Checkpoint.objects.first(), 0, 0
    begin = checkpoint.place if checkpoint else ChainHead()
    yield dump(first_entry(begin)), 0
    for stretch in read_seal_batches(begin):
        for seal, lines in by_seal(stretch):
            attempts = [dump(to_record(line, seal.version)) for line in lines]
            yield b"".join([dump(seal_entry(seal)), *attempts]), len(lines)
            seals, rows = seals + 1, rows + len(lines)
    head = ChainHead.objects.first() or begin
    yield dump({"rows": rows, "seals": seals, "head": place_entry(head)}), 0


# --- Lines


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


# --- Attempts


def to_record(line: bytes, version: int) -> Record:
    """A row that this project cannot have written leaves too, as it is."""
    text = line.decode().removesuffix("\n")
    try:
        columns = zip(COLUMNS_BY_VERSION[version], text.split("\t"), strict=True)
        return {name: None if it == NULL else _read(name, it) for name, it in columns}
    except (KeyError, ValueError):
        return {"unreadable": text}


def _read(name: str, text: str) -> Any:
    if name in NUMBERS:
        return int(text)
    if name in LABELS:
        return LABELS[name][text]
    if name == "signature":
        return text.removeprefix(BYTES_PREFIX)
    return text.replace("\\\\", "\\")


def to_line(record: Record, version: int) -> bytes:
    """The canonical line. Raises ValueError for what is no attempt's record."""
    columns = COLUMNS_BY_VERSION[version]
    if [*record] != [*columns]:
        raise ValueError("these are not the columns of an attempt")
    texts = [NULL if value is None else _write(name, value) for name, value in record.items()]
    line = "\t".join(texts)
    # Else a value could pass for two, or one attempt for another.
    if record["id"] is None or "\n" in line or line.count("\t") != len(columns) - 1:
        raise ValueError("no attempt has such values")
    return f"{line}\n".encode()


def _write(name: str, value: Any) -> str:
    if name in NUMBERS:
        return str(_require(int, value))
    text: str = _require(str, value)
    if name in LABELS:
        return str(_require(str, NUMBERS_BY_LABEL[name].get(text)))
    if name == "signature":
        return BYTES_PREFIX + text
    return encode_text(text)


def _require(kind: type, value: Any) -> Any:
    if type(value) is not kind:  # True would be an int
        raise ValueError(f"{value!r} is out of place")
    return value
