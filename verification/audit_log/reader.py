"""The log as it is stored, oldest first: stretches of seals with the lines that they cover."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from django.db import connection

from verification.audit_log.canonical import COLUMNS_BY_VERSION, canonical_line
from verification.models import ChainHead, Seal, VerificationAttempt

#: So much is in memory at a time: some 10 MB.
MOST_SEALS, MOST_LINES = 1_000, 20_000


@dataclass(frozen=True)
class SealBatch:
    """Seals of one version, and every line from the first that they should cover to the last."""

    seals: list[Seal]
    lines: list[bytes]  #: canonical, each with its line break, in the order of their ids


def read_seal_batches(after: ChainHead) -> Iterator[SealBatch]:
    """Everything that follows `after`. To be read in one transaction."""
    last_seal, next_id = after.last_seal_id, after.last_attempt_id + 1
    while seals := _cut(list(Seal.objects.filter(id__gt=last_seal).order_by("id")[:MOST_SEALS])):
        last_seal, end = seals[-1].id, min(seals[-1].last_id, next_id + 2 * MOST_LINES)
        yield SealBatch(seals, read_lines(next_id, end, seals[0].version))
        next_id = max(next_id, seals[-1].last_id + 1)


def next_seal_batch(
    after: ChainHead, last_seal: int, most_seals: int, most_lines: int
) -> SealBatch:
    """What follows `after`, no further than `last_seal`, and no more than so much; or nothing."""
    seals = Seal.objects.filter(id__gt=after.last_seal_id, id__lte=last_seal).order_by("id")
    few = _cut(list(seals[:most_seals]), most_lines)
    if not few:
        return SealBatch([], [])
    return SealBatch(few, read_lines(after.last_attempt_id + 1, few[-1].last_id, few[0].version))


def _cut(seals: list[Seal], most_lines: int = MOST_LINES) -> list[Seal]:
    """The first ones, as many as have one version and fit into `most_lines`; at least one."""
    lines = 0
    for position, seal in enumerate(seals):
        lines += seal.count
        if position and (seal.version != seals[0].version or lines > most_lines):
            return seals[:position]
    return seals


def read_lines(first_id: int, last_id: int, version: int) -> list[bytes]:
    """None where this release does not know the version."""
    if version not in COLUMNS_BY_VERSION:
        return []
    if connection.vendor == "postgresql":
        return _copy_lines(first_id, last_id, version)
    attempts = VerificationAttempt.objects.filter(id__range=(first_id, last_id)).order_by("id")
    return [canonical_line(vars(attempt), version) for attempt in attempts]


def _copy_lines(first_id: int, last_id: int, version: int) -> list[bytes]:
    """PostgreSQL writes canonical lines by itself, several times faster than we do."""
    columns = ", ".join(f'"{name}"' for name in COLUMNS_BY_VERSION[version])
    rows = (
        f"SELECT {columns} FROM {VerificationAttempt._meta.db_table}"
        f" WHERE id BETWEEN {first_id:d} AND {last_id:d} ORDER BY id"
    )
    out = BytesIO()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'UTC'")
        cursor.copy_expert(f"COPY ({rows}) TO STDOUT", out)
    return out.getvalue().splitlines(keepends=True)
