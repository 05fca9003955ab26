"""The log as lines of JSON or CSV, one attempt at a time."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from typing import TextIO

from verification.models import VerificationAttempt
from verification.models.attempt import RECORD_KEYS

# A spreadsheet takes a cell that begins so for a formula.
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def write_jsonl(attempts: Iterable[VerificationAttempt], out: TextIO) -> None:
    for attempt in attempts:
        out.write(json.dumps(attempt.as_record()) + "\n")


def write_csv(attempts: Iterable[VerificationAttempt], out: TextIO) -> None:
    writer = csv.writer(out)
    writer.writerow(RECORD_KEYS)
    for attempt in attempts:
        writer.writerow([cell(value) for value in attempt.as_record().values()])


def cell(value: object) -> object:
    is_formula = isinstance(value, str) and value.startswith(FORMULA_STARTS)
    return f"'{value}" if is_formula else value


WRITERS = {"jsonl": write_jsonl, "csv": write_csv}
