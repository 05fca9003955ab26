"""Reads the log as it is stored, oldest first: batches of seals with the lines that they cover."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from django.db import connection

from verification.audit_log.canonical import COLUMNS_BY_VERSION, canonical_line
from verification.models import ChainHead, Seal, VerificationAttempt

#: How much of the log is in memory at a time, about 10 MB.
MAX_SEALS, MAX_LINES = 1_000, 20_000
TEXT_SETTINGS = """
SET LOCAL timezone = 'UTC'; SET LOCAL "DateStyle" = 'ISO'; SET LOCAL bytea_output = 'hex'"""


@dataclass(frozen=True)
class SealBatch:
    """Consecutive seals of one version, and all lines of the range that they should cover."""

    seals: list[Seal]
    lines: list[bytes]  #: canonical, each with its line break, in the order of their ids


def read_seal_batches(after: ChainHead) -> Iterator[SealBatch]:
    """Yield everything that follows `after`. Read all batches in one transaction."""
    last_seal, next_id = after.last_seal_id, after.last_attempt_id + 1
    while seals := _limit(list(Seal.objects.filter(id__gt=last_seal).order_by("id")[:MAX_SEALS])):
        # An altered seal may claim a range of any length: read no more than a batch can hold.
        last_seal, end = seals[-1].id, min(seals[-1].last_id, next_id + 2 * MAX_LINES)
        yield SealBatch(seals, read_lines(next_id, end, seals[0].version))
        next_id = max(next_id, seals[-1].last_id + 1)


def next_seal_batch(after: ChainHead, last_seal: int, max_seals: int, max_lines: int) -> SealBatch:
    """Return the batch that follows `after` and ends with `last_seal` at the latest.

    It has at most `max_seals` seals and `max_lines` lines, but always one seal if there is any.
    Without any, it is empty.
    """
    stored = Seal.objects.filter(id__gt=after.last_seal_id, id__lte=last_seal).order_by("id")
    seals = _limit(list(stored[:max_seals]), max_lines)
    if not seals:
        return SealBatch([], [])
    first_id, last_id = after.last_attempt_id + 1, seals[-1].last_id
    return SealBatch(seals, read_lines(first_id, last_id, seals[0].version))


def _limit(seals: list[Seal], max_lines: int = MAX_LINES) -> list[Seal]:
    """Return the first seals that share one version and fit into `max_lines`, at least one."""
    lines = 0
    for position, seal in enumerate(seals):
        lines += seal.count
        if position and (seal.version != seals[0].version or lines > max_lines):
            return seals[:position]
    return seals


def read_lines(first_id: int, last_id: int, version: int) -> list[bytes]:
    """Return the canonical lines of a range of ids, or none if the version is unknown here."""
    if version not in COLUMNS_BY_VERSION:
        return []
    if connection.vendor == "postgresql":
        return _copy_lines(first_id, last_id, version)
    attempts = VerificationAttempt.objects.filter(id__range=(first_id, last_id)).order_by("id")
    return [canonical_line(vars(attempt), version) for attempt in attempts]


def _copy_lines(first_id: int, last_id: int, version: int) -> list[bytes]:
    """Let PostgreSQL write the canonical lines, several times faster than Python does."""
    columns = ", ".join(f'"{name}"' for name in COLUMNS_BY_VERSION[version])
    rows = (
        f"SELECT {columns} FROM {VerificationAttempt._meta.db_table}"
        f" WHERE id BETWEEN {first_id:d} AND {last_id:d} ORDER BY id"
    )
    return copy_to_text(rows).splitlines(keepends=True)


def copy_to_text(query: str) -> bytes:
    """Return the rows of a query as the text that PostgreSQL's COPY writes, with times in UTC.

    How it writes times and bytes does not depend on the settings of the database.
    """
    out = BytesIO()
    with connection.cursor() as cursor:
        cursor.execute(TEXT_SETTINGS)
        cursor.copy_expert(f"COPY ({query}) TO STDOUT", out)
    return out.getvalue()
