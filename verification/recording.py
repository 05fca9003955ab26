"""verify(callbacks): read, judge, record, seal, commit. The only writer of attempts."""

from __future__ import annotations

import json
import logging
import select
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from verification.chain import make_seal
from verification.judging import Accounts, judge
from verification.models import ChainHead, Seal, Tally, VerificationAttempt
from verification.protocol.callback import Callback
from verification.protocol.reply import Verdict
from verification.protocol.words import Kind, Outcome, word
from verification.watchdog import watchdog

logger = logging.getLogger(__name__)
lines = logging.getLogger("verification.attempts")

# WeChat gives up after 5 s and every answer is due within 3, so the writer waits for nobody
# longer than this. SET LOCAL: migrations, exports and pruning may take their time.
TIMEOUTS = """
SET LOCAL lock_timeout = '1500ms';
SET LOCAL statement_timeout = '2000ms';
SET LOCAL idle_in_transaction_session_timeout = '3000ms'"""

UPSERT_TALLY = f"""
INSERT INTO {Tally._meta.db_table} AS tally (account_id, hour, kind, outcome, count, noise, last_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (COALESCE(account_id, 0), hour, kind, outcome)
DO UPDATE SET count = tally.count + excluded.count, noise = tally.noise + excluded.noise,
    last_at = excluded.last_at"""

TallyKey = tuple[int | None, int, int]

#: Seconds from a callback's arrival to its commit; the adapters answer 503 a little later.
BATCH_DEADLINE = 2.3

# Exports hold these; log lines, which travel further, do not.
NOT_LOGGED = {"signature", "timestamp", "nonce", "echostr"}


class Unrecorded(Exception):
    """The callbacks could not be recorded in time, so they must not be answered."""


class TooLate(DatabaseError):
    """The batch took longer than BATCH_DEADLINE."""


class HeadMissing(DatabaseError):
    """There are seals but no head to continue from; `manage.py verify_audit` says more."""


def verify(callbacks: Sequence[Callback]) -> list[Verdict]:
    """One verdict for each callback, every one of them recorded, sealed and committed.

    Raises Unrecorded. A connection lost during COMMIT may leave a record without an answer;
    there is never an answer without a record.
    """
    started = min(callback.started for callback in callbacks)
    try:
        drop_lost_connection()
        with watchdog(remaining(started)), transaction.atomic(durable=True):
            head, now = open_batch()
            accounts = Accounts(callbacks, now)
            verdicts = [judge(callback, accounts.called_by(callback)) for callback in callbacks]
            note_uses(callbacks, verdicts, accounts, now)
            attempts = [
                make_attempt(callback, verdict, accounts, now)
                for callback, verdict in zip(callbacks, verdicts, strict=True)
            ]
            tally(attempts, now)
            seal(head, [attempt for attempt in attempts if has_row(attempt)])
            if remaining(started) < 0:
                raise TooLate  # nobody waits for this answer any more, so it must not be on record
    except Exception as error:  # whatever it was: no answer without a record
        if isinstance(error, (OperationalError, InterfaceError)):
            connection.close()
        if not isinstance(error, DatabaseError):
            logger.exception("A batch of callbacks failed.")
        raise Unrecorded(type(error).__name__) from error
    log(attempts)
    return verdicts


def open_batch() -> tuple[ChainHead, datetime]:
    """Lock the chain's head and read the database's clock, which never runs backwards here."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(TIMEOUTS)
    head = ChainHead.objects.select_for_update().first() or first_head()
    # A statement of its own: the clock is read after the lock was waited for.
    return head, max(filter(None, [database_time(), head.last_recorded_at]))


def first_head() -> ChainHead:
    """Of two batches that both find no head, the second waits here and goes on from the first's."""
    ChainHead.objects.bulk_create([ChainHead()], ignore_conflicts=True)
    head = ChainHead.objects.select_for_update().get()
    if head.last_seal_id == 0 and Seal.objects.exists():
        raise HeadMissing
    return head


def database_time() -> datetime:
    if connection.vendor != "postgresql":
        return timezone.now()  # SQLite runs in this process
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def note_uses(
    callbacks: Sequence[Callback],
    verdicts: Sequence[Verdict],
    accounts: Accounts,
    now: datetime,
) -> None:
    """Tell each token that was used for the first time; it ends the overlap of a rotation.

    A self-test is no use: WeChat's console may still hold the old token.
    """
    used = {
        verdict.token_id
        for callback, verdict in zip(callbacks, verdicts, strict=True)
        if callback.kind is not Kind.SELF_TEST
    }
    for token in accounts.tokens:
        if token.id in used:
            token.note_use(now)


def make_attempt(
    callback: Callback, verdict: Verdict, accounts: Accounts, now: datetime
) -> VerificationAttempt:
    return VerificationAttempt(
        recorded_at=now,
        account=accounts.by_id.get(verdict.account_id or 0),
        token_id=verdict.token_id,
        duration=callback.elapsed,
        clock_skew=callback.clock_skew,
        kind=callback.kind,
        method=callback.method,
        outcome=verdict.outcome,
        reason=verdict.reason,
        status=verdict.status,
        marks=callback.marks,
        request_id=callback.request_id,
        signature=callback.signature,
        client_ip=callback.client_ip,
        detail=verdict.detail,
        path_slug=callback.path_slug,
        timestamp=callback.timestamp,
        nonce=callback.nonce,
        echostr=callback.echostr,
        user_agent=callback.user_agent,
        host=callback.host,
    )


def has_row(attempt: VerificationAttempt) -> bool:
    """Accepted message pushes are only tallied: 20,000 a day and account would fill the disk."""
    return not (attempt.kind == Kind.MESSAGE_PUSH and attempt.outcome == Outcome.ACCEPTED)


def tally(attempts: Sequence[VerificationAttempt], now: datetime) -> None:
    counts, noise = Counter(map(tally_key, attempts)), Counter[TallyKey]()
    noise.update(tally_key(attempt) for attempt in attempts if attempt.is_noise)
    adapt = connection.ops.adapt_datetimefield_value
    hour = adapt(now.astimezone(UTC).replace(minute=0, second=0, microsecond=0))
    with connection.cursor() as cursor:
        for key, count in counts.items():
            account_id, kind, outcome = key
            values = [account_id, hour, kind, outcome, count, noise[key], adapt(now)]
            cursor.execute(UPSERT_TALLY, values)


def tally_key(attempt: VerificationAttempt) -> TallyKey:
    return attempt.account_id, int(attempt.kind), int(attempt.outcome)


def seal(head: ChainHead, attempts: Sequence[VerificationAttempt]) -> None:
    """Number the attempts, write them under a new seal, and move the head."""
    if not attempts:
        return
    for number, attempt in enumerate(attempts, start=head.last_attempt_id + 1):
        attempt.id, attempt.seal_id = number, head.last_seal_id + 1
    new = make_seal(head, attempts)
    VerificationAttempt.objects.bulk_create(attempts)
    new.save(force_insert=True)
    head.move_to(new)
    head.last_recorded_at = attempts[-1].recorded_at
    head.save(force_update=True)


def log(attempts: Sequence[VerificationAttempt]) -> None:
    """One JSON line for each attempt, a batch's lines in one write."""
    lines.info("%s", "\n".join(log_line("attempt", attempt.as_record()) for attempt in attempts))


def log_unrecorded(callback: Callback, why: object) -> None:
    """The witness of what the database could not take."""
    record = {
        "at": timezone.now().isoformat(),
        "path_slug": callback.path_slug,
        "kind": word(callback.kind),
        "method": word(callback.method),
        "client_ip": callback.client_ip,
        "user_agent": callback.user_agent,
        "request_id": str(callback.request_id),
        "duration": callback.elapsed,
        "why": str(why),
    }
    lines.error("%s", log_line("attempt_unrecorded", record))


def log_line(event: str, record: Mapping[str, object]) -> str:
    kept = {name: value for name, value in record.items() if name not in NOT_LOGGED}
    return json.dumps({"event": event, **kept})


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


def remaining(started: float) -> float:
    """Seconds left of BATCH_DEADLINE."""
    return started + BATCH_DEADLINE - time.perf_counter()
