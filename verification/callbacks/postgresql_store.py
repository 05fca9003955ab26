"""Write a batch to PostgreSQL in four round trips, whatever its size.

BEGIN is sent with the first statement; the seal, the head, the tallies and COMMIT are sent with the
rows. Each saved round trip takes about 50 µs on the database's machine, and 1 ms in a data centre.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from io import BytesIO

from django.db import Error, connection
from django.utils import timezone

from verification.audit_log.canonical import COLUMNS
from verification.audit_log.clock_check import trusted_clock
from verification.callbacks.store import (
    AccountTokenRow,
    AttemptStore,
    Batch,
    accounts_statement,
    tallies_statement,
)
from verification.models import ChainHead, Seal, VerificationAttempt

# WeChat gives up after 5 s and every answer is due within 2.5 s, so the writer waits no longer than
# this for locks and statements. The watchdog limits the wait for the disk. The timeouts are LOCAL,
# because migrations, exports and pruning may take longer.
TIMEOUTS = """
SET LOCAL lock_timeout = '1500ms'; SET LOCAL statement_timeout = '2000ms';
SET LOCAL idle_in_transaction_session_timeout = '3000ms'"""
# The batch commits asynchronously, which releases the head's row before the batch is on disk, so
# that other processes can seal in the meantime. WAIT_FOR_DISK follows in the same message: it
# writes to the WAL and waits until that record, and everything before it, is on disk. No answer is
# sent earlier. The message is transactional (`true`), because only a transaction with an id waits.
# The server's own setting of synchronous_commit stays, for example to wait for a standby, unless it
# is "off".
WAIT_FOR_DISK = """
SELECT CASE current_setting('synchronous_commit')
    WHEN 'off' THEN set_config('synchronous_commit', 'on', true) END,
    pg_logical_emit_message(true, 'verification', '')"""
#
# The isolation is named, because a database's default of "repeatable read" would refuse a batch
# that has waited for another one's head. Behind a pooler, a setting of the session may be lost.
BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = off;"
COMMIT = f"COMMIT; {WAIT_FOR_DISK}"
HEAD = ChainHead._meta.db_table
HEAD_COLUMNS = [field.attname for field in ChainHead._meta.concrete_fields]
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
NAMES = ", ".join(f'"{name}"' for name in COLUMNS)
COPY = f"COPY {VerificationAttempt._meta.db_table} ({NAMES}) FROM STDIN"
INSERT_SEAL = f"""
INSERT INTO {Seal._meta.db_table} (id, first_id, count, version, key_id, digest, mac)
VALUES (%s, %s, %s, %s, %s, %s, %s)"""
MOVE_HEAD = f"""
UPDATE {HEAD}
SET last_attempt_id = %s, last_seal_id = %s, last_digest = %s, last_recorded_at = %s"""


class PostgreSQLAttemptStore(AttemptStore):
    """Reads and writes what a batch needs, in as few round trips as possible."""

    #: Opens the transaction, if there is one. It is sent with the first statement.
    begin = ""
    #: Ends the transaction. It is sent with the rows.
    commit = ""

    def __init__(self) -> None:
        # One for all statements: creating a cursor takes as long as a small statement.
        self.cursor = connection.cursor()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        # Inside another transaction, as in tests, a savepoint does the same.
        is_nested = connection.in_atomic_block
        self.begin = "SAVEPOINT batch;" if is_nested else BEGIN
        self.commit = "RELEASE SAVEPOINT batch" if is_nested else COMMIT
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

    def read_accounts(
        self, slugs: set[str], *, with_backends: bool, now: datetime | None = None
    ) -> list[AccountTokenRow]:
        clock = f"'{now.isoformat()}'::timestamptz" if now else "clock_timestamp()"
        statement, parameters = accounts_statement(slugs, clock, "string_agg", with_backends)
        self.cursor.execute(f"{self.begin} {TIMEOUTS}; {statement}", parameters)
        self.begin = ""
        return [AccountTokenRow(*row) for row in self.cursor.fetchall()]

    def select_head(self) -> tuple[ChainHead, datetime] | None:
        self.cursor.execute(LOCK_HEAD)
        row = self.cursor.fetchone()
        if row is None:
            return None
        head = ChainHead.from_db(None, HEAD_COLUMNS, row[:-1])
        clock = trusted_clock(row[-1], timezone.now(), head.last_recorded_at)
        self.is_clock_wrong = clock != row[-1]
        return head, clock

    def write(self, batch: Batch) -> None:
        statements = [tallies_statement(batch)]
        if batch.seal is not None:
            statements += [seal_statement(batch.seal), head_statement(batch.head)]
        script = "; ".join([*(text for text, _ in statements), self.commit])
        parameters = [value for _, values in statements for value in values]
        if batch.seal is None:
            self.cursor.execute(script, parameters)
            return
        bound_script = self.cursor.mogrify(script, parameters).decode()
        # Django wraps only the errors of execute(), and open_store() must recognize a lost
        # connection.
        with connection.wrap_database_errors:
            self.cursor.copy_expert(f"{COPY}; {bound_script}", BytesIO(b"".join(batch.lines)))


def seal_statement(seal: Seal) -> tuple[str, list[object]]:
    return INSERT_SEAL, [
        *(seal.id, seal.first_id, seal.count, seal.version, seal.key_id),
        *(seal.digest, seal.mac),
    ]


def head_statement(head: ChainHead) -> tuple[str, list[object]]:
    return MOVE_HEAD, [
        *(head.last_attempt_id, head.last_seal_id),
        *(head.last_digest, head.last_recorded_at),
    ]


def get_store() -> AttemptStore:
    """Return the store for this thread's database connection."""
    return PostgreSQLAttemptStore() if connection.vendor == "postgresql" else AttemptStore()
