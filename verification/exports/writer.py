"""The log as it leaves: attempts as CSV or JSON lines, counted and hashed on the way out."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from io import StringIO
from itertools import islice
from typing import Any, BinaryIO, TypeVar

from django.db.models import QuerySet
from django.utils import timezone

from verification import change_log
from verification.change_log import Action, Actor
from verification.models import ChangeEvent, VerificationAttempt
from verification.models.attempt import RECORD_KEYS

# A spreadsheet takes a cell that begins so for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
#: Without it Excel takes UTF-8 for whatever the computer was bought with.
BOM = b"\xef\xbb\xbf"

Item = TypeVar("Item")
Attempts = QuerySet[VerificationAttempt]
Piece = tuple[bytes, int]  #: a part of a file, and how many attempts it holds
Pieces = Generator[Piece, None, None]


# --- Formats


def jsonl_pieces(attempts: Attempts) -> Pieces:
    for chunk in chunks(stream(attempts)):
        lines = [f"{json.dumps(attempt.as_record())}\n" for attempt in chunk]
        yield "".join(lines).encode(), len(chunk)


def csv_pieces(attempts: Attempts) -> Pieces:
    yield BOM + csv_rows([RECORD_KEYS]), 0
    for chunk in chunks(stream(attempts)):
        yield csv_rows(map(cells, chunk)), len(chunk)


PIECES: dict[str, Callable[[Attempts], Pieces]] = {
    "jsonl": jsonl_pieces,
    "csv": csv_pieces,
}


def stream(attempts: Attempts) -> Iterator[VerificationAttempt]:
    """However many there are, few are in memory at a time."""
    return attempts.select_related("account").iterator(chunk_size=2000)


def chunks(items: Iterable[Item], size: int = 500) -> Iterator[list[Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def csv_rows(rows: Iterable[Iterable[object]]) -> bytes:
    out = StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def cells(attempt: VerificationAttempt) -> list[object]:
    """Its record, with the time by the clock on the wall, and its zone."""
    local = timezone.localtime(attempt.recorded_at)
    record = {**attempt.as_record(), "recorded_at": local.isoformat(" ", "milliseconds")}
    return [cell(value) for value in record.values()]


def cell(value: object) -> object:
    is_formula = isinstance(value, str) and value.startswith(FORMULA_STARTS)
    return f"'{value}" if is_formula else value


# --- On record


@dataclass
class Export:
    """One file that somebody takes away."""

    format: str
    actor: Actor
    filters: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    is_complete: bool = False
    hash: Any = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        digest: str = self.hash.hexdigest()
        return digest

    def write(self, pieces: Pieces, out: BinaryIO, watch: Callable[[int], object] = int) -> None:
        """Bytes, so that what is hashed is what arrives; `watch` is told of attempts written."""
        with closing(pieces):  # and the cursor behind them, while its transaction is open
            for piece, rows in pieces:
                out.write(piece)
                self.hash.update(piece)
                self.rows += rows
                watch(rows)
        out.flush()
        self.is_complete = True

    def record(self) -> ChangeEvent:
        """Write into the change log what left the server, also if the export broke off."""
        return change_log.record(
            Action.EXPORTED,
            self.actor,
            format=self.format,
            rows=self.rows,
            sha256=self.sha256,
            filters=self.filters,
            complete=self.is_complete,
        )
