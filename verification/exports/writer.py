"""Writes attempts as CSV or JSON Lines, and counts and hashes what an export writes."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from io import StringIO
from itertools import islice
from typing import Any, BinaryIO, TypeVar

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from verification import change_log
from verification.change_log import Action, Actor
from verification.diagnosis import StoredData, explain
from verification.models import ChangeEvent, VerificationAttempt
from verification.models.attempt import RECORD_KEYS

#: A spreadsheet interprets a cell that begins with one of these as a formula. An apostrophe is
#: among them, so that a program can remove the first apostrophe of every cell that has one.
FORMULA_PREFIXES = (*"=+-@\t\r\n'", *"＝＋－＠")
#: Text that a spreadsheet shows as another number or date: 4.048E+18 for 19 digits, 7 for 007.
NUMBER_LIKE = re.compile(
    r"\d{12,} | 0\d+ | \d*\.?\d+e\d+ | \d{1,4}[-/]\d{1,2}([-/]\d{1,4})?",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
#: Without a byte order mark, Excel reads UTF-8 as the local encoding of the computer.
BOM = b"\xef\xbb\xbf"

#: Columns of CSV alone, which people read. JSON lines hold only what was recorded.
EXPLANATION_KEYS = ("account_name", "cause", "advice")

Item = TypeVar("Item")
Attempts = QuerySet[VerificationAttempt]
Piece = tuple[bytes, int]  #: a part of a file, and the number of attempts in it
Pieces = Generator[Piece, None, None]


# --- Formats


def jsonl_pieces(attempts: Attempts) -> Pieces:
    for chunk in chunks(stream(attempts)):
        lines = [f"{json.dumps(attempt.as_record())}\n" for attempt in chunk]
        yield "".join(lines).encode(), len(chunk)


def csv_pieces(attempts: Attempts, explainer: Explainer | None = None) -> Pieces:
    explainer = explainer or Explainer()
    yield BOM + csv_rows([[*RECORD_KEYS, *EXPLANATION_KEYS]]), 0
    for chunk in chunks(stream(attempts)):
        yield csv_rows(csv_cells(attempt, explainer) for attempt in chunk), len(chunk)


class Explainer:
    """Explains attempts in the current language, for at most `seconds` altogether.

    An unknown token is compared with what each stored token could have become, which takes about a
    millisecond with 30 accounts. A web server stops a request that takes too long.
    """

    def __init__(self, seconds: float = math.inf) -> None:
        self.seconds = seconds
        self.left_out = 0  #: attempts for which no time was left
        self.stored = StoredData()

    def cells(self, attempt: VerificationAttempt) -> list[str]:
        """Return the cause in a few words, and what to do."""
        if self.seconds <= 0:
            self.left_out += 1
            return [_("not explained: the export is too long"), ""]
        started = time.perf_counter()
        explanation = explain(attempt, self.stored)
        self.seconds -= time.perf_counter() - started
        return [explanation.summary, explanation.what_to_do]


PIECES_BY_FORMAT: dict[str, Callable[[Attempts], Pieces]] = {
    "jsonl": jsonl_pieces,
    "csv": csv_pieces,
}


def stream(attempts: Attempts) -> Iterator[VerificationAttempt]:
    """Yield attempts in chunks, so that an export of any size needs little memory."""
    return attempts.select_related("account").iterator(chunk_size=2000)


def chunks(items: Iterable[Item], size: int = 500) -> Iterator[list[Item]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def csv_rows(rows: Iterable[Iterable[object]]) -> bytes:
    out = StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def csv_cells(attempt: VerificationAttempt, explainer: Explainer) -> list[object]:
    """Return the values of the attempt's record, and its account's name and explanation.

    The time is in TIME_ZONE, with its offset.
    """
    local = timezone.localtime(attempt.recorded_at)
    record = {**attempt.as_record(), "recorded_at": local.isoformat(" ", "milliseconds")}
    name = attempt.account.name if attempt.account else None
    values = [*record.values(), name, *explainer.cells(attempt)]
    return [escape_for_spreadsheet(value) for value in values]


def escape_for_spreadsheet(value: object) -> object:
    """Put an apostrophe before text that a spreadsheet would run or show as something else."""
    if not isinstance(value, str):
        return value
    is_changed = value.startswith(FORMULA_PREFIXES) or NUMBER_LIKE.fullmatch(value)
    return f"'{value}" if is_changed else value


# --- The change log


@dataclass
class Export:
    """One exported file: how it is written, and what the change log records of it."""

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

    def write(
        self, pieces: Pieces, out: BinaryIO, on_progress: Callable[[int], object] | None = None
    ) -> None:
        """Write the pieces to `out`, and hash and count them.

        `out` takes bytes, so that the hash covers exactly what arrives. `on_progress` is called
        with the number of attempts in each piece.
        """
        with closing(pieces):  # closes their cursor too, while its transaction is open
            for piece, rows in pieces:
                out.write(piece)
                self.hash.update(piece)
                self.rows += rows
                if on_progress:
                    on_progress(rows)
        out.flush()
        self.is_complete = True

    @property
    def facts(self) -> dict[str, Any]:
        return {
            "format": self.format,
            "rows": self.rows,
            "sha256": self.sha256,
            "filters": self.filters,
            "complete": self.is_complete,
        }

    def record(self) -> ChangeEvent:
        """Record in the change log what was exported, even if the export was interrupted."""
        return change_log.record(Action.EXPORTED, self.actor, **self.facts)
