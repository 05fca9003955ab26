"""Read and write the database for a batch.

AttemptStore uses Django's ORM and serves SQLite. postgresql_store.py does the same in two round
trips.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from verification.audit_log.canonical import Values
from verification.models import (
    AESKey,
    Backend,
    ChainHead,
    Delivery,
    OfficialAccount,
    Seal,
    Tally,
    Token,
    VerificationAttempt,
)
from verification.models.account import MAX_ACCOUNTS_AT_ROOT
from verification.models.chain import GENESIS

#: Account id, kind, outcome.
TallyKey = tuple[int | None, int, int]


class AccountTokenRow(NamedTuple):
    """An account that a batch calls, with one of its live tokens."""

    account_id: int
    slug: str
    is_paused: bool
    answers_at_root: bool
    platform: int
    token_id: int | None  #: None where the account has no live token
    ciphertext: str
    is_unused: bool
    # The rest is read only for batches with a push or a WeCom call, and the same in all rows
    # of an account.
    receive_ids: str = ""  #: with which encrypted messages may end, one a line
    aes_keys: str | None = None  #: ID:UNUSED:FAILED:CIPHERTEXT of each live key, in any order
    was_encrypted: bool | None = None  #: any of its keys, valid or not, has decrypted something
    backend_url: str | None = None  #: None where the account has no backend
    on_failure: str | None = None
    forwards_decrypted: bool | None = None
    secret: str | None = None
    previous_secret: str | None = None
    failures: int | None = None
    is_probe_due: bool | None = None
    has_waiting: bool | None = None

    def __repr__(self) -> str:
        """Leave out the backend's URL, which may hold a password."""
        return f"AccountTokenRow({self.slug!r}, token_id={self.token_id})"


class Reading(NamedTuple):
    """Holds what a batch is judged by, and where the chain ended when that was read."""

    rows: list[AccountTokenRow]
    head: ChainHead | None  #: None where it must be locked first, or does not exist yet
    clock: datetime  #: the database's time, unless that clock is wrong


_ACCOUNTS, _TOKENS = OfficialAccount._meta.db_table, Token._meta.db_table
_AES_KEYS, _BACKENDS = AESKey._meta.db_table, Backend._meta.db_table
_DELIVERIES = Delivery._meta.db_table
READ_ACCOUNTS = f"""
SELECT account.id, account.slug, account.is_paused, account.answers_at_root, account.platform,
    token.id, token.secret, token.first_used_at IS NULL{{settings_columns}}
FROM {_ACCOUNTS} account LEFT JOIN {_TOKENS} token ON token.account_id = account.id
    AND token.secret IS NOT NULL AND (token.expires_at IS NULL OR token.expires_at > {{now}})
{{settings_join}}WHERE {{conditions}} ORDER BY account.id, token.id DESC"""
SETTINGS_COLUMNS = f""", account.app_id || char(10) || account.suite_id,
    (SELECT group_concat(aes_key.id
            || CASE WHEN aes_key.first_used_at IS NULL THEN ':1' ELSE ':0' END
            || CASE WHEN aes_key.failed_at IS NULL THEN ':0:' ELSE ':1:' END
            || aes_key.secret, ' ')
        FROM {_AES_KEYS} aes_key WHERE aes_key.account_id = account.id
            AND aes_key.secret IS NOT NULL
            AND (aes_key.expires_at IS NULL OR aes_key.expires_at > {{now}})),
    EXISTS (SELECT 1 FROM {_AES_KEYS} aes_key
        WHERE aes_key.account_id = account.id AND aes_key.first_used_at IS NOT NULL),
    backend.url, backend.on_failure, backend.forwards_decrypted, backend.secret,
    CASE WHEN backend.previous_secret_ends_at > {{now}} THEN backend.previous_secret END,
    backend.failures, backend.next_probe_at <= {{now}},
    backend.url IS NOT NULL AND EXISTS (SELECT 1 FROM {_DELIVERIES} delivery
        WHERE delivery.account_id = account.id AND delivery.state = {Delivery.State.WAITING:d})"""
SETTINGS_JOIN = f"LEFT JOIN {_BACKENDS} backend ON backend.account_id = account.id\n"
IS_AT_ROOT = f"""account.id IN
    (SELECT id FROM {_ACCOUNTS} WHERE answers_at_root ORDER BY id LIMIT {MAX_ACCOUNTS_AT_ROOT})"""

CREATE_HEAD = f"""
INSERT INTO {ChainHead._meta.db_table} (id, last_attempt_id, last_seal_id, last_digest)
VALUES (1, 0, 0, %s) ON CONFLICT DO NOTHING"""
UPSERT_TALLIES = f"""
INSERT INTO {Tally._meta.db_table} AS tally (account_id, hour, kind, outcome, count, noise, last_at)
VALUES {{rows}} ON CONFLICT (COALESCE(account_id, 0), hour, kind, outcome)
DO UPDATE SET count = tally.count + excluded.count, noise = tally.noise + excluded.noise,
    last_at = excluded.last_at"""


class HeadMissing(DatabaseError):
    """There are seals, but no head to continue from. Run `manage.py verify_audit` for details."""


@dataclass
class Batch:
    """Holds everything that is written for one batch."""

    now: datetime
    previous_digest: bytes  #: of the chain's last seal before this batch
    head: ChainHead  #: already moved to the new seal
    seal: Seal | None  #: None when every attempt is only tallied
    rows: Sequence[Values]
    lines: Sequence[bytes]  #: the rows in canonical form, one line each
    tallies: Counter[TallyKey]
    noise: Counter[TallyKey]  #: the part of `tallies` that is internet noise


class AttemptStore:
    """Reads and writes what a batch needs, through Django's ORM."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with transaction.atomic(durable=True):
            yield

    def probe(self) -> None:
        """Raise the database's error if a batch could not be recorded now."""
        self.wait_for_disk()

    def wait_for_disk(self) -> None:
        """Wait until everything committed before is on disk, where the database supports this."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")

    def read(self, slugs: set[str], *, with_settings: bool, at: datetime | None = None) -> Reading:
        """Read the accounts with these slugs, each with its live tokens, the newest first.

        Live means live at `at`; without it, by the clock that is returned.

        The empty slug stands for the accounts that answer at the root. An unknown slug takes the
        same statements as a known one, so that the response time does not reveal it. Keys and
        backends are read only for batches with a push or a WeCom call, so that other URL
        verifications do not become slower.
        """
        clock = at or timezone.now()
        statement, parameters = accounts_statement(slugs, clock, with_settings)
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return Reading([AccountTokenRow(*row) for row in cursor.fetchall()], None, clock)

    def write_if_unmoved(self, batch: Batch) -> bool:
        """Write and commit the batch if the chain still ends where the batch continues it.

        Returns whether it did. If not, nothing was written. Call this outside transaction().

        SQLite lets one process write at a time, so there a batch always locks the head first.
        """
        return False

    def lock_head(self) -> tuple[ChainHead, datetime]:
        """Lock the head of the chain until the commit, and return it with the current time.

        On PostgreSQL, this is the database's time, unless that clock is wrong.

        Creates the head for the first batch. Raises HeadMissing if there are seals already.
        """
        head_and_time = self.select_head()
        if head_and_time is None:
            create_head()
            head_and_time = self.select_head()
            if head_and_time is None or (
                head_and_time[0].last_seal_id == 0 and Seal.objects.exists()
            ):
                raise HeadMissing
        return head_and_time

    def select_head(self) -> tuple[ChainHead, datetime] | None:
        head = ChainHead.objects.select_for_update().first()
        return (head, timezone.now()) if head else None

    def write(self, batch: Batch) -> None:
        """Write the batch. PostgreSQLAttemptStore also commits it in the same round trip."""
        if batch.seal is not None:
            VerificationAttempt.objects.bulk_create(
                VerificationAttempt(**row) for row in batch.rows
            )
            batch.seal.save(force_insert=True)
            batch.head.save(force_update=True)
        statement, parameters = tallies_statement(batch)
        with connection.cursor() as cursor:
            cursor.execute(statement, parameters)


def accounts_statement(
    slugs: set[str], clock: datetime, with_settings: bool
) -> tuple[str, list[str]]:
    """Return READ_ACCOUNTS for these slugs, and its parameters."""
    now = f"'{connection.ops.adapt_datetimefield_value(clock)}'"
    parameters = sorted(slugs - {""})
    conditions = [IS_AT_ROOT] if "" in slugs else []
    if parameters:
        conditions.append(f"account.slug IN ({', '.join(['%s'] * len(parameters))})")
    statement = READ_ACCOUNTS.format(
        now=now,
        settings_columns=SETTINGS_COLUMNS.format(now=now) if with_settings else "",
        settings_join=SETTINGS_JOIN if with_settings else "",
        conditions=" OR ".join(conditions),
    )
    return statement, parameters


def tallies_statement(batch: Batch) -> tuple[str, list[Any]]:
    """Return UPSERT_TALLIES for a batch, and its parameters."""
    adapt = connection.ops.adapt_datetimefield_value
    hour = adapt(batch.now.astimezone(UTC).replace(minute=0, second=0, microsecond=0))
    last_at = adapt(batch.now)
    parameters: list[Any] = []
    for key, count in batch.tallies.items():
        account_id, kind, outcome = key
        parameters += [account_id, hour, kind, outcome, count, batch.noise[key], last_at]
    rows = ", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * len(batch.tallies))
    return UPSERT_TALLIES.format(rows=rows), parameters


def create_head() -> None:
    """Create the head unless there is one.

    If two batches find no head, the second waits here and continues from the first one's.
    """
    with connection.cursor() as cursor:
        cursor.execute(CREATE_HEAD, [GENESIS])
