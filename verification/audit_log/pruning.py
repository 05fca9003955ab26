"""Removing the old end of the log: whole seals, a few at a time, and a checkpoint in their place.

Each transaction leaves a log that verifies, so pruning may stop after any of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from verification import change_log
from verification.audit_log.chain import Chain
from verification.audit_log.checkpoint import make_checkpoint, start_of_log
from verification.audit_log.positions import first_id_since
from verification.audit_log.reader import SealBatch, next_seal_batch
from verification.audit_log.triggers import pruning_bypass
from verification.audit_log.verifier import by_seal
from verification.change_log import Action, Actor
from verification.db.snapshot import read_snapshot
from verification.keys import seal_keys
from verification.models import ChainHead, Checkpoint, Seal, VerificationAttempt

#: What one transaction removes at most, though always a whole seal.
MOST_SEALS, MOST_LINES = 500, 2_000
#: Seconds in which others may write: SQLite has one writer, and who waits only looks now and then.
PAUSE_ON_SQLITE = 0.12


@dataclass(frozen=True)
class Cut:
    """What would go: all seals from the start of the log to `last`."""

    days: int  #: what it is older than
    start: ChainHead
    last: Seal
    first_at: datetime
    last_at: datetime

    @property
    def attempts(self) -> int:
        return self.last.last_id - self.start.last_attempt_id

    @property
    def seals(self) -> int:
        return self.last.id - self.start.last_seal_id


def find_cut(days: int) -> Cut | None:
    """Where whole seals end that are older than this; the log's last seal stays in any case."""
    before = timezone.now() - timedelta(days=days)
    with read_snapshot():
        start, head = start_of_log(), ChainHead.objects.first() or ChainHead()
        if head.last_attempt_id == start.last_attempt_id:
            return None
        stays = _seal_of(min(first_id_since(before), head.last_attempt_id))
        last = Seal.objects.filter(id__lt=stays).order_by("-id").first()
        if last is None:
            return None
        first_at = _time_of(start.last_attempt_id + 1)
        return Cut(days, start, last, first_at, _time_of(last.last_id))


def _time_of(attempt_id: int) -> datetime:
    return VerificationAttempt.objects.values_list("recorded_at", flat=True).get(id=attempt_id)


def _seal_of(attempt_id: int) -> int:
    return VerificationAttempt.objects.values_list("seal_id", flat=True).get(id=attempt_id)


def prune(cut: Cut, actor: Actor, goes_on: Callable[[int], bool]) -> None:
    """Remove what is before the cut. `goes_on` hears how many attempts each transaction removed.

    It is on record before anything goes; one that stops early says so in a second event.
    """
    _record(cut, actor)
    try:
        while (removed := remove_seal_batch(cut.last.id, actor)) and goes_on(removed):
            if connection.vendor == "sqlite":
                time.sleep(PAUSE_ON_SQLITE)
    finally:
        _record_if_stopped(cut, actor)


def remove_seal_batch(last_seal_id: int, actor: Actor) -> int:
    """Remove the oldest few seals up to this one; how many attempts went. Raises BrokenChain."""
    with transaction.atomic(durable=True), pruning_bypass(connection):
        _wait_for_other_prunings()
        start = start_of_log()
        stretch = next_seal_batch(start, last_seal_id, MOST_SEALS, MOST_LINES)
        if not stretch.seals:
            return 0
        _follow(start, stretch)
        last = stretch.seals[-1]
        # First of all: nothing can be deleted that no checkpoint stands for.
        make_checkpoint(last, _time_of(last.last_id), actor.name).save(force_insert=True)
        _delete(VerificationAttempt, start.last_attempt_id + 1, last.last_id)
        _delete(Seal, start.last_seal_id + 1, last.id)
        _delete(Checkpoint, 1, start.last_seal_id)
    return len(stretch.lines)


def _wait_for_other_prunings() -> None:
    """Lets everybody else read and write; SQLite has one writer anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {Checkpoint._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")


def _follow(start: ChainHead, stretch: SealBatch) -> None:
    """The new checkpoint's MAC vouches for the last digest, so it must follow from what goes."""
    chain = Chain(start, seal_keys())
    for seal, lines in by_seal(stretch):
        chain.follow(seal, lines)


def _delete(model: type[Checkpoint | Seal | VerificationAttempt], first: int, last: int) -> None:
    # Not by the ORM, which would look for attempts of each seal, and they have no index for it.
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {model._meta.db_table} WHERE {model._meta.pk.column} BETWEEN %s AND %s",
            [first, last],
        )


def _record(cut: Cut, actor: Actor) -> None:
    end = ChainHead(last_recorded_at=cut.last_at)
    end.move_to(cut.last)
    change_log.record(Action.PRUNED, actor, **_facts(cut, end))


def _record_if_stopped(cut: Cut, actor: Actor) -> None:
    end = start_of_log()
    if end.last_seal_id < cut.last.id:
        change_log.record(Action.PRUNED, actor, **_facts(cut, end), stopped_before=cut.last.id)


def _facts(cut: Cut, end: ChainHead) -> dict[str, Any]:
    first, last = cut.first_at, end.last_recorded_at
    attempts = end.last_attempt_id - cut.start.last_attempt_id
    return {
        "older_than": f"{cut.days}d",
        "attempts": attempts,
        "seals": end.last_seal_id - cut.start.last_seal_id,
        "from": first.isoformat() if attempts else None,
        "to": last.isoformat() if attempts and last else None,
        "checkpoint": end.text,
    }
