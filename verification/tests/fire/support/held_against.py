"""What the clients remember, held against the log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

import psycopg2

from verification.models import VerificationAttempt
from verification.tests.fire.support.crowd import Answer

ROWS = f"""
SELECT request_id::text, status, occurrences FROM {VerificationAttempt._meta.db_table}"""


class Row(NamedTuple):
    request_id: UUID
    status: int
    occurrences: int


class Comparison(NamedTuple):
    answered: int
    unanswered: int
    missing: int  #: answered, and not in the log
    duplicates: int  #: more in the log than was sent
    wrong: int  #: answered otherwise than the request deserves


def hold_against(answers: Iterable[Answer], url: str) -> Comparison:
    answers, rows = [*answers], read_log(url)
    told = [answer for answer in answers if answer.status not in {0, 503}]
    return Comparison(
        answered=sum(1 for answer in answers if answer.status),
        unanswered=sum(1 for answer in answers if not answer.status),
        missing=count_missing(told, rows),
        duplicates=count_duplicates(answers, rows),
        wrong=sum(1 for answer in told if not is_deserved(answer)),
    )


def read_log(url: str) -> list[Row]:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(ROWS)
            return [Row(UUID(text), *rest) for text, *rest in cursor.fetchall()]
    finally:
        connection.close()


def is_deserved(answer: Answer) -> bool:
    is_right = answer.status == answer.request.status
    return is_right and (answer.status != 200 or answer.body == answer.request.echostr)


def count_missing(told: Iterable[Answer], rows: Iterable[Row]) -> int:
    """Each by its own row, or, where equal refusals share one, by their number."""
    missing, logged = 0, {row.request_id for row in rows}
    for status, occurrences in occurrences_by_status(rows).items():
        ids = [answer.request.id for answer in told if answer.status == status]
        without_row = sum(1 for each in ids if each not in logged)
        shared = any(row.occurrences > 1 for row in rows if row.status == status)
        missing += max(0, len(ids) - occurrences) if shared else without_row
    return missing


def count_duplicates(answers: Iterable[Answer], rows: Iterable[Row]) -> int:
    sent = Counter(answer.request.status for answer in answers)
    by_id = Counter(row.request_id for row in rows)
    too_many = occurrences_by_status(rows) - sent
    return too_many.total() + sum(number - 1 for number in by_id.values())


def occurrences_by_status(rows: Iterable[Row]) -> Counter[int]:
    counted: Counter[int] = Counter({200: 0, 400: 0, 403: 0})
    for row in rows:
        counted[row.status] += row.occurrences
    return counted
