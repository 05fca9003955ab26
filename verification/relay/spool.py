"""Store message pushes that their backends have not taken. Needs PostgreSQL.

store() runs in the request path: WeChat is answered `success` when it returns.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import (
    Error,
    InterfaceError,
    InternalError,
    OperationalError,
    connection,
    transaction,
)

from verification.db.connections import close_lost_connection
from verification.db.errors import describe
from verification.db.watchdog import watchdog
from verification.models import Delivery
from verification.protocol.enums import DeliveryResult
from verification.relay.payload import Payload
from verification.relay.spool_size import spool_size

#: Seconds that storing may take. WeChat is answered within 4.5 s, of which the backend has 3.5 s.
BUDGET = 0.8
#: Before a message is tried again whose failure says nothing about the message itself.
RETRY_DELAY = timedelta(seconds=5)
TABLE = Delivery._meta.db_table
# A transaction that does not wait for the disk could lose a message that WeChat believes delivered.
TIMEOUTS = """
SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '700ms';
SELECT set_config('synchronous_commit', 'on', true)
    WHERE current_setting('synchronous_commit') = 'off';"""
COLUMNS = {
    "account_id": "int",
    "webhook_id": "text",
    "follower": "text",
    "request_id": "uuid",
    "received_at": "timestamptz",
    "state": "smallint",
    "size": "int",
    "payload": "bytea",
    "attempts": "smallint",
    "due_at": "timestamptz",
    "last_result": "smallint",
    "last_status": "smallint",
    "last_attempt_at": "timestamptz",
    "settled_at": "timestamptz",
}
ARRAYS = ", ".join(f"%s::{kind}[]" for kind in [*COLUMNS.values(), "boolean"])
# An only-behind push is left out if nothing of its follower waits any more. The SELECT has a
# snapshot of its own, so it also finds repeats that were stored before.
STORE = f"""{TIMEOUTS}
INSERT INTO {TABLE} ({", ".join(COLUMNS)})
SELECT {", ".join(f"push.{name}" for name in COLUMNS)}
FROM unnest({ARRAYS}) WITH ORDINALITY AS push({", ".join(COLUMNS)}, only_behind, position)
WHERE NOT only_behind OR EXISTS (
    SELECT 1 FROM {TABLE} earlier
    WHERE earlier.account_id = push.account_id AND earlier.follower = push.follower
        AND earlier.state = 1)
ORDER BY position
ON CONFLICT (account_id, webhook_id) DO NOTHING;
SELECT stored.account_id, stored.webhook_id FROM {TABLE} stored
JOIN unnest(%s::int[], %s::text[]) AS push(account_id, webhook_id)
    ON stored.account_id = push.account_id AND stored.webhook_id = push.webhook_id"""


@dataclasses.dataclass(frozen=True, slots=True)
class WaitingPush:
    """A push to store."""

    account_id: int
    webhook_id: str
    follower: str
    request_id: UUID
    received_at: datetime
    query: bytes = dataclasses.field(repr=False)
    content_type: str
    body: bytes = dataclasses.field(repr=False)
    #: Why the backend has not taken it. None if it was not tried: the circuit is open, or earlier
    #: messages of the follower wait.
    result: DeliveryResult | None = None
    status: int | None = None
    #: Store it only if earlier messages of its follower wait.
    only_behind: bool = False

    @property
    def is_dead(self) -> bool:
        return self.result is DeliveryResult.CLIENT_ERROR


class SpoolUnavailable(Exception):
    """Nothing is known to be stored, because the database failed or did not answer in time."""


class SpoolFull(Exception):
    """There is no room for some of the pushes. The others are stored.

    `stored` says of each push what store() would have returned, False for those without room.
    """

    def __init__(self, stored: list[bool], account_ids: frozenset[int]) -> None:
        super().__init__(f"accounts: {sorted(account_ids)}")
        self.stored, self.account_ids = stored, account_ids


def store(pushes: Sequence[WaitingPush]) -> list[bool]:
    """Store the pushes in one transaction, and return for each whether it is in the spool.

    When this returns, they are committed and on disk. A repeat of a message that is there already
    counts as stored, and is not stored twice. An only-behind push is not stored if nothing waits
    for its follower. Raises SpoolFull or SpoolUnavailable.
    """
    with open_database(BUDGET):
        spool_size.refresh()
        rows, full = make_rows(pushes)
        stored = insert(rows) if rows else set()
    answers = [(push.account_id, push.webhook_id) in stored for push in pushes]
    if full:
        raise SpoolFull(answers, frozenset(full))
    return answers


def make_rows(pushes: Sequence[WaitingPush]) -> tuple[list[tuple[Any, ...]], set[int]]:
    """Return the rows to insert, and the accounts that have no room."""
    now = datetime.now(UTC)
    rows: list[tuple[Any, ...]] = []
    full: set[int] = set()
    waiting: set[tuple[int, str]] = set()  # the followers of the pushes before
    for push in pushes:
        payload = Payload(push.query, push.content_type, push.body).encrypt()
        follower = push.account_id, push.follower
        if not spool_size.claim(push.account_id, len(payload)):
            full.add(push.account_id)
            continue
        only_behind = push.only_behind and follower not in waiting
        if not only_behind and not push.is_dead:
            waiting.add(follower)
        rows.append((*make_row(push, payload, now), only_behind))
    return rows, full


def make_row(push: WaitingPush, payload: bytes, now: datetime) -> tuple[Any, ...]:
    was_tried = push.result is not None
    state = Delivery.State.DEAD if push.is_dead else Delivery.State.WAITING
    return (
        *(push.account_id, push.webhook_id, push.follower, push.request_id, push.received_at),
        *(state.value, len(payload), payload, 0),
        now + RETRY_DELAY if was_tried else now,
        *(push.result.value if push.result else None, push.status),
        *(now if was_tried else None, now if push.is_dead else None),
    )


def insert(rows: list[tuple[Any, ...]]) -> set[tuple[int, str]]:
    """Insert the rows, and return the keys of all that are in the table afterwards."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(STORE, [*columns, *columns[:2]])
        return {(account_id, webhook_id) for account_id, webhook_id in cursor.fetchall()}


@contextmanager
def open_database(seconds: float) -> Iterator[None]:
    """Use this thread's connection for this many seconds. Raises SpoolUnavailable."""
    try:
        close_lost_connection()
        with watchdog(seconds):
            yield
    except Error as error:
        # An InternalError may belong to a session that began while the database was read-only.
        if isinstance(error, (OperationalError, InterfaceError, InternalError)):
            connection.close()
        raise SpoolUnavailable(describe(error)) from error
