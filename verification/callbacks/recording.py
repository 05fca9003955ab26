"""verify(callbacks): read, judge, record, seal, commit. The only writer of attempts."""

from __future__ import annotations

import logging
import select
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import repeat

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

from verification.callbacks.batch import close_batch, make_attempt
from verification.callbacks.flood import Flood, coalesce
from verification.callbacks.log_lines import log_attempts
from verification.callbacks.postgresql_store import get_store
from verification.callbacks.store import AttemptStore
from verification.callbacks.verdicts import Accounts, judge
from verification.db.errors import describe
from verification.db.watchdog import watchdog
from verification.models import ChainHead, Token
from verification.protocol.callback import Callback
from verification.protocol.enums import Kind
from verification.protocol.reply import Verdict

logger = logging.getLogger(__name__)

#: Seconds from a callback's arrival to its commit; the adapters answer 503 a little later.
BATCH_DEADLINE = 2.3
#: Of which so many must be left for a batch.
LEAST_TIME = 0.3
#: Seconds that a look whether the database is back may take.
LOOK_DEADLINE = 1.0

#: Of this process.
flood = Flood()


class Unrecorded(Exception):
    """The callbacks could not be recorded in time, so they must not be answered."""


class PoisonedBatch(Unrecorded):
    """One of the callbacks cannot be recorded, whatever is tried; its neighbours could be."""


class TooLate(DatabaseError):
    """The batch took longer than BATCH_DEADLINE."""


def verify(callbacks: Sequence[Callback]) -> list[Verdict]:
    """One verdict for each callback, every one of them recorded, sealed and committed.

    Raises Unrecorded. A connection lost during COMMIT may leave a record without an answer;
    there is never an answer without a record.
    """
    started = min(callback.started for callback in callbacks)
    with bounded(remaining(started)) as ledger, ledger.transaction():
        # As of this moment. The lock comes after, so that others can write while we judge.
        accounts = Accounts(ledger.read_accounts({it.path_slug for it in callbacks}))
        verdicts = [judge(callback, accounts.called_by(callback)) for callback in callbacks]
        head, clock = ledger.lock_head()
        now = moment_of(head, clock)
        attempts = coalesce(
            map(make_attempt, callbacks, verdicts, repeat(now)),
            map(flood.share, callbacks, verdicts),
        )
        note_uses(callbacks, verdicts, accounts, now)
        batch = close_batch(attempts, head, now)
        if remaining(started) < 0:
            raise TooLate  # nobody waits for this answer any more, so it must not be on record
        ledger.write(batch)
    log_attempts(attempts, accounts)
    return verdicts


def judge_without_recording(callbacks: Sequence[Callback]) -> list[Verdict]:
    """What verify() would decide now. Nothing is recorded, so nothing of it may be answered.

    Raises Unrecorded.
    """
    started = min(callback.started for callback in callbacks)
    with bounded(remaining(started)) as ledger:
        accounts = Accounts(ledger.read_accounts({it.path_slug for it in callbacks}))
        return [judge(callback, accounts.called_by(callback)) for callback in callbacks]


def find_obstacle() -> Unrecorded | None:
    """What keeps the database from recording, as far as a look can tell."""
    try:
        with bounded(LOOK_DEADLINE) as ledger:
            ledger.look()
    except Unrecorded as error:
        return error
    return None


@contextmanager
def bounded(seconds: float) -> Iterator[AttemptStore]:
    """The database, for so long. Raises Unrecorded for whatever goes wrong."""
    try:
        if seconds <= 0:
            raise TooLate
        drop_lost_connection()
        with watchdog(seconds):
            yield get_store()
    except Exception as error:
        # An InternalError may be of a session that began while the database took no writes.
        if isinstance(error, (OperationalError, InterfaceError, InternalError)):
            connection.close()
        if not isinstance(error, Error):
            logger.exception("A batch of callbacks failed.")
        raise why_unrecorded(error) from error


def why_unrecorded(error: Exception) -> Unrecorded:
    """Poisoned by what is certain to have failed before the commit, which may be tried again."""
    is_poison = isinstance(error, (DataError, IntegrityError)) or not isinstance(error, Error)
    return (PoisonedBatch if is_poison else Unrecorded)(describe(error))


def moment_of(head: ChainHead, clock: datetime) -> datetime:
    """When a batch is recorded: attempts are numbered in the order of their time."""
    return max(clock, head.last_recorded_at or clock)


def note_uses(
    callbacks: Sequence[Callback],
    verdicts: Sequence[Verdict],
    accounts: Accounts,
    now: datetime,
) -> None:
    """Tell each token that was used for the first time; it begins the end of a rotation.

    A self-test is no use: WeChat's console may still hold the old token.
    """
    used = {
        verdict.token_id
        for callback, verdict in zip(callbacks, verdicts, strict=True)
        if verdict.token_id and callback.kind is not Kind.SELF_TEST
    }
    for token_id in used & accounts.unused_tokens:
        Token.objects.get(pk=token_id).record_first_use(now)


def drop_lost_connection() -> None:
    """Notice before the batch, without a round trip, that PostgreSQL went away while all was quiet.

    A server that ends a session says so on the socket, where an idle connection hears nothing.
    """
    raw = connection.connection
    if connection.vendor != "postgresql" or raw is None or connection.in_atomic_block:
        return
    wire = select.poll()  # select() takes no file descriptor beyond 1023
    if not raw.closed:
        wire.register(raw.fileno(), select.POLLIN)
    if raw.closed or wire.poll(0):
        connection.close()


def is_in_time(callback: Callback) -> bool:
    """Whether a batch may take it. One that cannot be in time would be the end of all others."""
    return remaining(callback.started) > LEAST_TIME


def remaining(started: float) -> float:
    """Seconds left of BATCH_DEADLINE."""
    return started + BATCH_DEADLINE - time.perf_counter()
