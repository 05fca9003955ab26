"""Compares the answers that clients got with the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

import psycopg2

from verification.models import VerificationAttempt
from verification.protocol.enums import Reason
from verification.tests.fire.support.load_generator import Answer

ROWS = f"""
SELECT request_id::text, status, occurrences, COALESCE(reason, 0) = {Reason.MIXED:d}
FROM {VerificationAttempt._meta.db_table}"""
#: Stands for the status of all refusals, if a row combines several.
REFUSED = 4


class Row(NamedTuple):
    request_id: UUID
    status: int
    occurrences: int
    is_mixed: bool  #: whether it stands for refusals with any status


class Comparison(NamedTuple):
    answered: int
    unanswered: int
    missing: int  #: answered, but not in the log
    duplicates: int  #: in the log, but not sent
    wrong: int  #: answered with another status or body than expected


def compare_with_log(answers: Iterable[Answer], url: str) -> Comparison:
    """Compare the answers with the attempts in the database at `url`.

    Answers with 503 are not expected to be in the log.
    """
    answers, rows = [*answers], read_log(url)
    verdicts = [answer for answer in answers if answer.status not in {0, 503}]
    return Comparison(
        answered=sum(1 for answer in answers if answer.status),
        unanswered=sum(1 for answer in answers if not answer.status),
        missing=count_missing(verdicts, rows),
        duplicates=count_duplicates(answers, rows),
        wrong=sum(1 for answer in verdicts if not is_expected(answer)),
    )


def read_log(url: str) -> list[Row]:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(ROWS)
            return [Row(UUID(text), *rest) for text, *rest in cursor.fetchall()]
    finally:
        connection.close()


def is_expected(answer: Answer) -> bool:
    is_expected_status = answer.status == answer.request.status
    return is_expected_status and (answer.status != 200 or answer.body == answer.request.echostr)


def count_missing(answers: Iterable[Answer], rows: Iterable[Row]) -> int:
    """Return the number of answers without a row.

    Identical refusals may be combined into one row with a count. If a status has such rows, only
    the numbers are compared; if a row combines unlike refusals, only those of all refusals.
    """
    rows = [*rows]
    kind = comparable_statuses(rows)
    missing, logged = 0, {row.request_id for row in rows}
    for status, occurrences in occurrences_by_status(rows).items():
        ids = [answer.request.id for answer in answers if kind(answer.status) == status]
        without_row = sum(1 for request_id in ids if request_id not in logged)
        is_combined = any(row.occurrences > 1 for row in rows if kind(row.status) == status)
        missing += max(0, len(ids) - occurrences) if is_combined else without_row
    return missing


def count_duplicates(answers: Iterable[Answer], rows: Iterable[Row]) -> int:
    """Return the number of occurrences beyond those sent, plus that of repeated request ids."""
    rows = [*rows]
    sent = Counter(map(comparable_statuses(rows), (answer.request.status for answer in answers)))
    by_id = Counter(row.request_id for row in rows)
    excess = occurrences_by_status(rows) - sent
    return excess.total() + sum(count - 1 for count in by_id.values())


def occurrences_by_status(rows: Sequence[Row]) -> Counter[int]:
    kind = comparable_statuses(rows)
    totals: Counter[int] = Counter({kind(status): 0 for status in (200, 400, 403)})
    for row in rows:
        totals[kind(row.status)] += row.occurrences
    return totals


def comparable_statuses(rows: Sequence[Row]) -> Callable[[int], int]:
    """Return a function that puts REFUSED for the statuses that the rows do not tell apart."""
    if not any(row.is_mixed for row in rows):
        return int
    return lambda status: REFUSED if status // 100 == 4 else status
