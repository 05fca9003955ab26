"""Removes the oldest part of the log: a few whole seals at a time, replaced by a checkpoint.

Each transaction leaves a log that verifies, so pruning may stop after any of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone

from verification import change_log
from verification.audit_log.chain import Chain
from verification.audit_log.checkpoint import make_checkpoint, verified_start_of_log
from verification.audit_log.positions import first_id_since
from verification.audit_log.reader import SealBatch, next_seal_batch
from verification.audit_log.triggers import pruning_bypass
from verification.audit_log.verifier import split_by_seal
from verification.change_log import Action, Actor
from verification.db.snapshot import read_snapshot
from verification.keys import seal_keys
from verification.models import ChainHead, Checkpoint, FailureTally, Seal, VerificationAttempt

#: The most that one transaction removes. It always removes at least one whole seal.
MAX_SEALS, MAX_LINES = 500, 2_000
#: Seconds between two transactions. SQLite has one writer, and other writers poll for their turn.
PAUSE_ON_SQLITE = 0.12


@dataclass(frozen=True)
class Cut:
    """Describes what a pruning removes: all seals from the start of the log to `last`."""

    days: int  #: everything removed is older than this
    before: datetime  #: that many days before now
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
    """Return the cut that removes all seals older than `days`, or None if there is no such seal.

    The last seal of the log is never removed. Raise BrokenChain if the checkpoint is not ours.
    """
    before = timezone.now() - timedelta(days=days)
    with read_snapshot():
        start, head = verified_start_of_log(), ChainHead.objects.first() or ChainHead()
        if head.last_attempt_id == start.last_attempt_id:
            return None
        first_kept_id = min(first_id_since(before), head.last_attempt_id)
        seal_ids = VerificationAttempt.objects.values_list("seal_id", flat=True)
        first_kept_seal = seal_ids.get(id=first_kept_id)
        last = Seal.objects.filter(id__lt=first_kept_seal).order_by("-id").first()
        if last is None:
            return None
        first_at = _time_of(start.last_attempt_id + 1)
        return Cut(days, before, start, last, first_at, _time_of(last.last_id))


def _time_of(attempt_id: int) -> datetime:
    return VerificationAttempt.objects.values_list("recorded_at", flat=True).get(id=attempt_id)


def prune(cut: Cut, actor: Actor, should_continue: Callable[[int], bool]) -> None:
    """Remove everything up to the cut, until `should_continue` returns False.

    Tallies of failures of that age are removed first, in one transaction.
    `should_continue` is called after each transaction, with the number of attempts that it removed.
    The change log gets an event before anything is removed, and a second one if pruning stops
    early. Raise BrokenChain if a seal to be removed does not verify.
    """
    end = ChainHead(last_recorded_at=cut.last_at)
    end.move_to(cut.last)
    with transaction.atomic(durable=True), pruning_bypass(connection):
        old = FailureTally.objects.filter(hour__lte=cut.before - timedelta(hours=1))
        failures = old.aggregate(total=Sum("count", default=0))["total"]
        change_log.record(Action.PRUNED, actor, **_facts(cut, end), failures=failures)
        old.delete()
    try:
        while (removed := remove_seal_batch(cut.last.id, actor)) and should_continue(removed):
            if connection.vendor == "sqlite":
                time.sleep(PAUSE_ON_SQLITE)
    finally:
        end = verified_start_of_log()
        if end.last_seal_id < cut.last.id:
            facts = _facts(cut, end)
            change_log.record(Action.PRUNED, actor, **facts, stopped_before=cut.last.id)


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


def remove_seal_batch(last_seal_id: int, actor: Actor) -> int:
    """Remove the oldest seals, in one transaction and no further than `last_seal_id`.

    Return how many attempts were removed, 0 when none is left. Raise BrokenChain, and remove
    nothing, if the seals or their attempts do not verify.
    """
    with transaction.atomic(durable=True), pruning_bypass(connection):
        _lock_out_other_prunings()
        start = verified_start_of_log()
        batch = next_seal_batch(start, last_seal_id, MAX_SEALS, MAX_LINES)
        if not batch.seals:
            return 0
        _verify(start, batch)
        last = batch.seals[-1]
        # The checkpoint comes first: the triggers refuse to delete what no checkpoint replaces.
        make_checkpoint(last, _time_of(last.last_id), actor.name).save(force_insert=True)
        _delete(VerificationAttempt, start.last_attempt_id + 1, last.last_id)
        _delete(Seal, start.last_seal_id + 1, last.id)
        _delete(Checkpoint, 1, start.last_seal_id)
    return len(batch.lines)


def _lock_out_other_prunings() -> None:
    """Wait for a running pruning, and lock out others. Callbacks are still recorded meanwhile.

    SQLite needs no lock, because it has one writer at a time.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {Checkpoint._meta.db_table} IN SHARE ROW EXCLUSIVE MODE")


def _verify(start: ChainHead, batch: SealBatch) -> None:
    """Raise BrokenChain unless the batch continues the chain at `start`.

    The MAC of the new checkpoint vouches for the last digest, so it must be verified first.
    """
    chain = Chain(start, seal_keys())
    for seal, lines in split_by_seal(batch):
        chain.follow(seal, lines)


def _delete(model: type[Checkpoint | Seal | VerificationAttempt], first: int, last: int) -> None:
    # The ORM would look for the attempts of each seal, for which there is no index.
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {model._meta.db_table} WHERE {model._meta.pk.column} BETWEEN %s AND %s",
            [first, last],
        )
