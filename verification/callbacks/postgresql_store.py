"""Read and write a batch on PostgreSQL in two round trips, whatever its size.

The statements are in functions of the database (see migration 0012), because PostgreSQL keeps the
plans of those. A round trip takes about 50 µs on the database's machine and 1 ms in a data centre,
and planning the statements 300 µs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import Error, connection
from django.utils import timezone

from verification.audit_log.clock_check import trusted_clock
from verification.callbacks.store import AccountTokenRow, AttemptStore, Batch, Reading, TallyKey
from verification.models import ChainHead
from verification.models.account import MAX_ACCOUNTS_AT_ROOT

# WeChat gives up after 5 s and every answer is due within 2.5 s, so the writer waits no longer than
# this for locks and statements. The watchdog limits the wait for the disk. The timeouts are LOCAL,
# because migrations, exports and pruning may take longer.
#
# The isolation is named, because a database's default of "repeatable read" would refuse a batch
# that has waited for another one's head. Behind a pooler, a setting of the session may be lost.
BEGIN = """
BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = off;
SET LOCAL lock_timeout = '1500ms'; SET LOCAL statement_timeout = '2000ms';
SET LOCAL idle_in_transaction_session_timeout = '3000ms';"""
# The batch commits asynchronously, which releases the head's row before the batch is on disk, so
# that other processes can seal in the meantime. WAIT_FOR_DISK follows in the same round trip: it
# writes to the WAL and waits until that record, and everything before it, is on disk. No answer is
# sent earlier. The message is transactional (`true`), because only a transaction with an id waits.
# The server's own setting of synchronous_commit stays, for example to wait for a standby, unless it
# is "off".
WAIT_FOR_DISK = """
SELECT set_config(
    'synchronous_commit', replace(current_setting('synchronous_commit'), 'off', 'on'), true),
    pg_logical_emit_message(true, 'verification', '')"""
COMMIT = f"COMMIT; {WAIT_FOR_DISK}"
READ = "SELECT {} FROM verification_read_accounts(%s::text[], %s, %s, %s)"
# A message returns the result of its last statement only, so a setting carries this one there. A
# procedure could commit by itself, but pg_stat_statements would keep each CALL with its values, and
# nothing could raise a short statement_timeout.
RECORD = f"""
SELECT set_config('verification.is_written',
    verification_record(%s, {", ".join(["%s"] * 10)})::text, false)"""
IS_WRITTEN = "current_setting('verification.is_written')::boolean"
WRITE = f"SELECT verification_write({', '.join(['%s'] * 10)})"
#: How canonical lines spell the value.
NULL = "\\N"
HEAD = ChainHead._meta.db_table
HEAD_COLUMNS = ["last_attempt_id", "last_seal_id", "last_digest", "last_recorded_at"]
#: The columns of verification_read_accounts about the chain: those of the head, and the clock.
HEAD_WIDTH = len(HEAD_COLUMNS) + 1
# Without keys and backends, 13 of the 24 columns are needed. All of them would take 30 µs longer.
COLUMNS_WITHOUT_SETTINGS = f"""{", ".join(HEAD_COLUMNS)}, clock,
    account_id, slug, is_paused, answers_at_root, platform, token_id, secret, is_unused"""
# The clock is read outside the CTE, after the wait for the lock.
LOCK_HEAD = f"""
WITH head AS MATERIALIZED (SELECT {", ".join(HEAD_COLUMNS)} FROM {HEAD} FOR UPDATE)
SELECT head.*, clock_timestamp() FROM head"""
# A read-only session may not lock rows, so this fails there. SKIP LOCKED does not wait for a locked
# row. A migration may lock the whole table: lock_timeout ends that wait, because a session that the
# watchdog cuts off would go on waiting in the server.
PROBE_HEAD = f"""
SET LOCAL lock_timeout = '500ms'; SET LOCAL synchronous_commit = off;
SELECT 1 FROM {HEAD} FOR UPDATE SKIP LOCKED"""


class PostgreSQLAttemptStore(AttemptStore):
    """Reads and writes what a batch needs, in as few round trips as possible."""

    #: Opens the transaction, if there is one. It is sent with the first statement.
    begin = ""
    #: Ends the transaction. It is sent with the batch.
    commit = ""

    def __init__(self) -> None:
        # One for all statements: creating a cursor takes as long as a small statement.
        self.cursor = connection.cursor()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        # Inside another transaction, as in tests, a savepoint does the same.
        is_nested = connection.in_atomic_block
        self.begin = "SAVEPOINT batch;" if is_nested else BEGIN
        self.commit = "RELEASE SAVEPOINT batch; SELECT 1" if is_nested else COMMIT
        try:
            yield
        except BaseException:
            with contextlib.suppress(Error):
                self.cursor.execute("ROLLBACK TO SAVEPOINT batch" if is_nested else "ROLLBACK")
            raise

    def probe(self) -> None:
        self.cursor.execute(PROBE_HEAD)
        self.wait_for_disk()

    def wait_for_disk(self) -> None:
        self.cursor.execute(WAIT_FOR_DISK)

    def read(self, slugs: set[str], *, with_settings: bool, at: datetime | None = None) -> Reading:
        limit = MAX_ACCOUNTS_AT_ROOT if "" in slugs else 0
        statement = READ.format("*" if with_settings else COLUMNS_WITHOUT_SETTINGS)
        self.cursor.execute(statement, [[*slugs], limit, with_settings, at])
        rows = self.cursor.fetchall()
        *head_values, database_clock = rows[0][:HEAD_WIDTH]
        clock = trusted_clock(database_clock, timezone.now(), head_values[-1])
        if clock != database_clock and at is None:
            # By that clock, the database may have chosen tokens that have ended.
            return self.read(slugs, with_settings=with_settings, at=clock)
        has_head, has_accounts = head_values[0] is not None, rows[0][HEAD_WIDTH] is not None
        return Reading(
            [AccountTokenRow(*row[HEAD_WIDTH:]) for row in rows if has_accounts],
            make_head(head_values) if has_head else None,
            clock,
        )

    def write_if_unmoved(self, batch: Batch) -> bool:
        parameters = [batch.previous_digest, *write_parameters(batch)]
        with self.transaction():
            self.cursor.execute(
                f"{self.begin} {RECORD}; {self.commit} WHERE {IS_WRITTEN}", parameters
            )
            return self.cursor.fetchone() is not None

    def select_head(self) -> tuple[ChainHead, datetime] | None:
        self.cursor.execute(self.begin + LOCK_HEAD)
        self.begin = ""
        row = self.cursor.fetchone()
        if row is None:
            return None
        head = make_head(row[:-1])
        return head, trusted_clock(row[-1], timezone.now(), head.last_recorded_at)

    def write(self, batch: Batch) -> None:
        self.cursor.execute(f"{WRITE}; {self.commit}", write_parameters(batch))


def make_head(values: list[Any]) -> ChainHead:
    return ChainHead.from_db(None, ["id", *HEAD_COLUMNS], [1, *values])


def write_parameters(batch: Batch) -> list[Any]:
    """Return the parameters of verification_write."""
    tallies = [tally_line(key, count, batch.noise[key]) for key, count in batch.tallies.items()]
    seal = batch.seal
    return [
        b"".join(batch.lines).decode().removesuffix("\n"),
        "\n".join(tallies),
        *((seal.id, seal.first_id, seal.count, seal.version) if seal else [None] * 4),
        *((seal.key_id, seal.digest, seal.mac) if seal else [None] * 3),
        batch.now,
    ]


def tally_line(key: TallyKey, count: int, noise: int) -> str:
    account_id, kind, outcome = key
    account = NULL if account_id is None else account_id
    return f"{account}\t{kind}\t{outcome}\t{count}\t{noise}"


def get_store() -> AttemptStore:
    """Return the store for this thread's database connection."""
    return PostgreSQLAttemptStore() if connection.vendor == "postgresql" else AttemptStore()
