"""Record callbacks: verify() reads, judges, records, seals and commits.

Nothing else writes attempts.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from django.db import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    connection,
)

from verification.callbacks.batch import Attempt, close_batch, make_attempt
from verification.callbacks.deadlines import PROBE_DEADLINE, remaining
from verification.callbacks.flood import RowBudget, coalesce
from verification.callbacks.log_lines import log_attempts
from verification.callbacks.postgresql_store import get_store
from verification.callbacks.store import AttemptStore
from verification.callbacks.verdicts import Accounts, judge
from verification.db.connections import close_lost_connection
from verification.db.errors import describe
from verification.db.watchdog import watchdog
from verification.models import AESKey, ChainHead, Token
from verification.protocol.callback import MAX_INTEGER, Callback
from verification.protocol.enums import Kind
from verification.protocol.reply import Verdict

logger = logging.getLogger(__name__)

#: The budget of this process.
row_budget = RowBudget()


class Unrecorded(Exception):
    """The callbacks could not be recorded in time, so they must not be answered."""


class PoisonedBatch(Unrecorded):
    """One callback of the batch cannot be recorded at all. The others could be."""


class TooLate(DatabaseError):
    """The batch took longer than BATCH_DEADLINE."""


def verify(callbacks: Sequence[Callback]) -> list[Verdict]:
    """Judge the callbacks, record them in one transaction, and return a verdict for each.

    When this returns, every callback is recorded, sealed and committed. Raises Unrecorded
    otherwise. A connection that is lost during COMMIT may leave a record without an answer, but
    there is never an answer without a record.
    """
    started = min(callback.started for callback in callbacks)
    with open_store(remaining(started)) as store:
        accounts, head, clock = read(store, callbacks)
        verdicts = judge_all(callbacks, accounts)
        attempts = coalesce(
            map(make_attempt, callbacks, verdicts),
            map(row_budget.claim_row, callbacks, verdicts),
            row_budget,
        )
        made = time.perf_counter()
        first_uses = find_first_uses(callbacks, verdicts, accounts)
        is_written = False
        # Usually nobody has written since the head was read, so nothing waits for a lock.
        if head is not None and not first_uses:
            batch = close_batch(attempts, head, recording_time(head, clock))
            check_time(started)
            is_written = store.write_if_unmoved(batch)
        if not is_written:
            with store.transaction():
                head, clock = store.lock_head()
                now = recording_time(head, clock)
                # A first use ends earlier tokens, which must not wait for a time still to come.
                if first_uses:
                    first_uses.mark(min(now, clock))
                lengthen(attempts, time.perf_counter() - made)
                batch = close_batch(attempts, head, now)
                check_time(started)
                store.write(batch)
    log_attempts(attempts, accounts)
    return verdicts


def read(
    store: AttemptStore, callbacks: Sequence[Callback]
) -> tuple[Accounts, ChainHead | None, datetime]:
    """Read the accounts that are called; with keys and backends, if a callback may need them."""
    slugs = {callback.path_slug for callback in callbacks}
    with_settings = any(callback.push or callback.is_wecom_call for callback in callbacks)
    rows, head, clock = store.read(slugs, with_settings=with_settings)
    return Accounts(rows), head, clock


def lengthen(attempts: Sequence[Attempt], seconds: float) -> None:
    """Add the time to their durations for which the attempts have waited since they were made."""
    waited = int(seconds * 1_000_000)
    for attempt in attempts:
        attempt["duration"] = min(attempt["duration"] + waited, MAX_INTEGER)


def check_time(started: float) -> None:
    """Raise TooLate if the adapters have answered 503, so that nothing may be on record."""
    if remaining(started) < 0:
        raise TooLate


def judge_all(callbacks: Sequence[Callback], accounts: Accounts) -> list[Verdict]:
    return [judge(callback, accounts.candidates_for(callback)) for callback in callbacks]


def judge_without_recording(callbacks: Sequence[Callback]) -> list[Verdict]:
    """Return the verdicts that verify() would return now, without recording anything.

    They must not be sent as answers. Raises Unrecorded.
    """
    started = min(callback.started for callback in callbacks)
    with open_store(remaining(started)) as store:
        accounts, _head, _clock = read(store, callbacks)
        return judge_all(callbacks, accounts)


def probe_database() -> Unrecorded | None:
    """Probe the database by locking the chain head, and return what prevents recording.

    Returns None if nothing does. SQLite runs a trivial query instead.
    """
    try:
        with open_store(PROBE_DEADLINE) as store:
            store.probe()
    except Unrecorded as error:
        return error
    return None


def connect_to_database() -> None:
    """Open this thread's connection to PostgreSQL, if it can be opened now.

    The first callback need not wait for it then, and rotate_encryption_keys sees this process.
    """
    with suppress(Unrecorded), open_store(PROBE_DEADLINE):
        pass


@contextmanager
def open_store(seconds: float) -> Iterator[AttemptStore]:
    """Return a store that may be used for this many seconds.

    Any exception in the block becomes Unrecorded, or PoisonedBatch. See classify_error().
    """
    try:
        if seconds <= 0:
            raise TooLate
        close_lost_connection()
        with watchdog(seconds):
            yield get_store()
    except Exception as error:
        # An InternalError may belong to a session that began while the database was read-only.
        if isinstance(error, (OperationalError, InterfaceError, InternalError)):
            connection.close()
        if not isinstance(error, Error):
            logger.exception("A batch of callbacks failed.")
        raise classify_error(error) from error


def classify_error(error: Exception) -> Unrecorded:
    """Return PoisonedBatch for an error that certainly came before the commit, else Unrecorded.

    Only a poisoned batch may be tried again. After any other error it may be on record.
    """
    is_poison = isinstance(error, (DataError, IntegrityError)) or not isinstance(error, Error)
    return (PoisonedBatch if is_poison else Unrecorded)(describe(error))


def recording_time(head: ChainHead, clock: datetime) -> datetime:
    """Return the time at which a batch is recorded, which is never before the previous batch's.

    Attempts are numbered in the order of their time, even when the clock is set back.
    """
    return max(clock, head.last_recorded_at or clock)


@dataclass(frozen=True)
class FirstUses:
    """The tokens and EncodingAESKeys that a batch uses for the first time."""

    tokens: Set[int]
    keys: Set[int]
    failed_keys: Set[int]  #: that did not decrypt a push: they may be mistyped

    def __bool__(self) -> bool:
        return bool(self.tokens or self.keys or self.failed_keys)

    def mark(self, now: datetime) -> None:
        """Mark tokens and keys as used, which ends the previous ones, and failed keys as failed."""
        # In the order of rotate_encryption_keys: another order could end in a deadlock.
        for token in Token.objects.filter(pk__in=self.tokens).order_by("pk"):
            token.record_first_use(now)
        for key in AESKey.objects.filter(pk__in=self.keys).order_by("pk"):
            key.record_first_use(now)
        AESKey.objects.filter(pk__in=self.failed_keys, failed_at=None).update(failed_at=now)


def find_first_uses(
    callbacks: Sequence[Callback], verdicts: Sequence[Verdict], accounts: Accounts
) -> FirstUses:
    """Return what WeChat used for the first time.

    A self-test does not count as use, because WeChat's console may still hold the old token.
    """
    real = [
        verdict
        for callback, verdict in zip(callbacks, verdicts, strict=True)
        if callback.kind is not Kind.SELF_TEST
    ]
    return FirstUses(
        tokens=accounts.unused_tokens.intersection(verdict.token_id for verdict in real),
        keys={verdict.first_used_key_id for verdict in real if verdict.first_used_key_id},
        failed_keys={key_id for verdict in real for key_id in verdict.failed_key_ids},
    )
