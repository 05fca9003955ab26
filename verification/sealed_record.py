"""An attempt in a sealed export: its canonical line in words, and back.

Nothing but what is sealed is in it, so that whatever a reader sees there can be checked.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from verification.audit_log.canonical import COLUMNS_BY_VERSION, encode_text
from verification.protocol.enums import Kind, Method, Outcome, Reason, word

NUMBERS = {
    *("id", "seal_id", "account_id", "token_id", "duration", "clock_skew"),
    *("occurrences", "status", "marks"),
}
CLOSED_LISTS: dict[str, type[IntEnum]] = {
    "kind": Kind,
    "method": Method,
    "outcome": Outcome,
    "reason": Reason,
}
WORDS = {
    name: {str(int(member)): word(member) for member in members}
    for name, members in CLOSED_LISTS.items()
}
NUMBERS_OF_WORDS = {
    name: {text: number for number, text in words.items()} for name, words in WORDS.items()
}
BYTES_PREFIX = "\\\\x"
NULL = "\\N"

Record = dict[str, Any]


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
    if name in WORDS:
        return WORDS[name][text]
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
    if name in WORDS:
        return str(_require(str, NUMBERS_OF_WORDS[name].get(text)))
    if name == "signature":
        return BYTES_PREFIX + text
    return encode_text(text)


def _require(kind: type, value: Any) -> Any:
    if type(value) is not kind:  # True would be an int
        raise ValueError(f"{value!r} is out of place")
    return value
