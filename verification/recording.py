"""verify(callbacks): read, judge, record, seal, commit. The only writer of attempts."""

from __future__ import annotations

import json
import logging
import select
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import repeat
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.utils import timezone

from verification.chain import make_seal
from verification.columns import Values, canonical_line
from verification.judging import Accounts, judge
from verification.ledger import Batch, HeadMissing, Ledger, TallyKey
from verification.models import ChainHead, Token
from verification.models.attempt import as_record, is_noise
from verification.postgresql_ledger import PostgreSQLLedger
from verification.protocol.callback import Callback
from verification.protocol.reply import Verdict
from verification.protocol.words import Kind, Outcome, word
from verification.watchdog import watchdog

logger = logging.getLogger(__name__)
lines = logging.getLogger("verification.attempts")

#: Seconds from a callback's arrival to its commit; the adapters answer 503 a little later.
BATCH_DEADLINE = 2.3

# Exports hold these; log lines, which travel further, do not.
NOT_LOGGED = {"signature", "timestamp", "nonce", "echostr"}


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
    ledger = PostgreSQLLedger() if connection.vendor == "postgresql" else Ledger()
    try:
        drop_lost_connection()
        with watchdog(remaining(started)), ledger.transaction():
            # As of this moment. The lock comes after, so that others can write while we judge.
            accounts = Accounts(ledger.read_accounts({it.path_slug for it in callbacks}))
            verdicts = [judge(callback, accounts.called_by(callback)) for callback in callbacks]
            head, clock = ledger.lock_head()
            now = moment_of(head, clock)
            attempts = [*map(make_attempt, callbacks, verdicts, repeat(now))]
            note_uses(callbacks, verdicts, accounts, now)
            batch = close_batch(attempts, head, now)
            if remaining(started) < 0:
                raise TooLate  # nobody waits for this answer any more, so it must not be on record
            ledger.write(batch)
    except Exception as error:  # whatever it was: no answer without a record
        if isinstance(error, (OperationalError, InterfaceError)):
            connection.close()
        if not isinstance(error, DatabaseError):
            logger.exception("A batch of callbacks failed.")
        raise why_unrecorded(error) from error
    log(attempts, accounts)
    return verdicts


def why_unrecorded(error: Exception) -> Unrecorded:
    is_for_all = isinstance(error, (OperationalError, InterfaceError, TooLate, HeadMissing))
    return (Unrecorded if is_for_all else PoisonedBatch)(type(error).__name__)


def moment_of(head: ChainHead, clock: datetime) -> datetime:
    """When a batch is recorded: attempts are numbered in the order of their time."""
    return max(clock, head.last_recorded_at or clock)


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
        if verdict.token_id and callback.kind is not Kind.SELF_TEST
    }
    for token_id in used & accounts.unused_tokens:
        Token.objects.get(pk=token_id).note_use(now)


def make_attempt(callback: Callback, verdict: Verdict, now: datetime) -> dict[str, Any]:
    """Its columns, but for its place in the chain. A model of each costs as much as the rest."""
    return {
        "recorded_at": now,
        "account_id": verdict.account_id,
        "token_id": verdict.token_id,
        "duration": callback.elapsed,
        "clock_skew": callback.clock_skew,
        "occurrences": 1,
        "kind": callback.kind,
        "method": callback.method,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "status": verdict.status,
        "marks": callback.marks,
        "request_id": callback.request_id,
        "signature": callback.signature,
        "client_ip": callback.client_ip,
        "detail": verdict.detail,
        "path_slug": callback.path_slug,
        "timestamp": callback.timestamp,
        "nonce": callback.nonce,
        "echostr": callback.echostr,
        "user_agent": callback.user_agent,
        "host": callback.host,
    }


def has_row(attempt: Values) -> bool:
    """Accepted message pushes are only tallied: 20,000 a day and account would fill the disk."""
    return (attempt["kind"], attempt["outcome"]) != (Kind.MESSAGE_PUSH, Outcome.ACCEPTED)


def tally_key(attempt: Values) -> TallyKey:
    return attempt["account_id"], int(attempt["kind"]), int(attempt["outcome"])


def close_batch(attempts: Sequence[dict[str, Any]], head: ChainHead, now: datetime) -> Batch:
    """Number the attempts, seal those that have a row, and move the head."""
    rows = [attempt for attempt in attempts if has_row(attempt)]
    for number, row in enumerate(rows, start=head.last_attempt_id + 1):
        row |= {"id": number, "seal_id": head.last_seal_id + 1}
    lines = [canonical_line(row) for row in rows]
    seal = make_seal(head, lines) if rows else None
    if seal:
        head.move_to(seal)
        head.last_recorded_at = now
    noise = Counter(tally_key(attempt) for attempt in attempts if is_noise(attempt))
    return Batch(now, head, seal, rows, lines, Counter(map(tally_key, attempts)), noise)


def log(attempts: Sequence[Values], accounts: Accounts) -> None:
    """One JSON line for each attempt, a batch's lines in one write."""
    records = (as_record(attempt, accounts.slug_of(attempt["account_id"])) for attempt in attempts)
    lines.info("%s", "\n".join(log_line("attempt", record) for record in records))


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
