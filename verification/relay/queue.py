"""Take messages from the spool for delivery, and write how their deliveries ended.

A message is delivered only when every earlier one of its follower is settled. Workers do not wait
for each other: SKIP LOCKED passes over what another one is taking, and a lease keeps what it has
taken. The lease of a worker that was killed ends by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from verification.fields import Secret
from verification.models import AESKey, Backend, Delivery
from verification.models.backend import FAILURES_TO_OPEN
from verification.protocol.enums import DeliveryResult
from verification.relay.decrypted import DecryptionKey, DecryptionKeys
from verification.relay.results import (
    LONGEST_DELAY,
    OWN,
    CircuitChange,
    Finished,
    add_to_tallies,
    set_timeouts,
    update_circuits,
)
from verification.relay.spool import RETRY_DELAY, open_database

#: Seconds that a round may take.
BUDGET = 3
#: Longer than a delivery, with the transactions before and after it.
LEASE = timedelta(seconds=30)
#: Before a message is tried again that failed while the backend took others. After the fifth
#: failure it is a dead letter.
BACKOFF = [RETRY_DELAY, timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10)]
#: Before a message is tried again that no key decrypts.
KEY_DELAY = timedelta(minutes=1)
TABLE = Delivery._meta.db_table
CLAIMABLE = "due_at <= %s AND (leased_until IS NULL OR leased_until <= %s)"
FIRST_OF_NEXT_FOLLOWER = f"""
SELECT id, follower, due_at, leased_until FROM {TABLE}
WHERE account_id = %s AND state = 1 AND follower > {{after}} ORDER BY follower, id LIMIT 1"""
# Walks through the index from follower to follower, and reads only the first message of each. It
# stops at the limit. A search for messages without an earlier one would read all of a follower who
# has written a hundred thousand.
FIND = f"""
WITH RECURSIVE walk AS (
    ({FIRST_OF_NEXT_FOLLOWER.format(after="%s")})
    UNION ALL
    SELECT next.* FROM walk,
        LATERAL ({FIRST_OF_NEXT_FOLLOWER.format(after="walk.follower")}) next
)
SELECT id, follower FROM walk WHERE {CLAIMABLE} LIMIT %s"""
# The conditions are repeated, because they are checked again when the row is locked.
CLAIM = f"""
UPDATE {TABLE} SET leased_until = %s WHERE id IN (
    SELECT id FROM {TABLE}
    WHERE id = ANY(%s) AND state = 1 AND {CLAIMABLE}
    FOR UPDATE SKIP LOCKED)
RETURNING id, webhook_id, request_id, payload, received_at, attempts, last_attempt_at,
    leased_until"""
# A delivered message is settled even if its lease has ended meanwhile: the backend has it.
SETTLE = f"""
UPDATE {TABLE} AS message SET state = ended.state,
    payload = CASE WHEN ended.state IN (1, 2) THEN payload END,
    attempts = ended.attempts, due_at = ended.due_at, leased_until = NULL,
    last_result = ended.result, last_status = ended.status, last_attempt_at = ended.at,
    settled_at = CASE WHEN ended.state <> 1 THEN ended.at END
FROM unnest(%s::bigint[], %s::smallint[], %s::smallint[], %s::timestamptz[], %s::smallint[],
    %s::smallint[], %s::timestamptz[], %s::timestamptz[])
    AS ended(id, state, attempts, due_at, result, status, at, lease)
WHERE message.id = ended.id AND message.state = 1
    AND (ended.state = 3 OR message.leased_until = ended.lease)"""


class Claimed(NamedTuple):
    """A message that this worker delivers now, until its lease ends."""

    id: int
    webhook_id: str
    request_id: object
    payload: memoryview
    received_at: datetime
    attempts: int
    last_attempt_at: datetime | None
    leased_until: datetime


class Ended(NamedTuple):
    """How the delivery of a message ended."""

    message: Claimed
    finished: Finished


class Route(NamedTuple):
    """Where the messages of an account go."""

    slug: str
    url: str
    secrets: list[str]  #: encrypted
    #: None if the backend gets messages as they came.
    decryption_keys: DecryptionKeys | None = None

    def __repr__(self) -> str:
        """Leave out the URL, which may hold a password."""
        return f"Route({self.slug!r})"


class Round(NamedTuple):
    """What a round has done."""

    claimed: list[Claimed]
    route: Route | None
    #: The follower to continue behind. None if there was nothing more to claim.
    cursor: str | None
    changes: list[CircuitChange]
    dead: list[Ended]


def find_accounts() -> list[int]:
    """Return the accounts for which a message is due and a backend may be tried."""
    with open_database(BUDGET), transaction.atomic():
        set_timeouts()
        now = datetime.now(UTC)
        due = Delivery.objects.filter(
            Q(leased_until=None) | Q(leased_until__lte=now),
            account_id=OuterRef("pk"),
            state=Delivery.State.WAITING,
            due_at__lte=now,
        )
        backends = Backend.objects.filter(
            Exists(due), Q(failures__lt=FAILURES_TO_OPEN) | Q(next_probe_at__lte=now)
        )
        return [*backends.values_list("pk", flat=True)]


def run_round(account_id: int, ended: Sequence[Ended], limit: int, cursor: str) -> Round:
    """Write how deliveries have ended, and claim up to `limit` messages of other followers.

    Both are one transaction, which is committed and on disk when this returns. While the circuit is
    open, nothing is claimed; when a probe is due, one message. Raises SpoolUnavailable.
    """
    with open_database(BUDGET), transaction.atomic():
        set_timeouts()
        results = [end.finished for end in ended]
        changes = update_circuits(results)
        backend = Backend.objects.select_related("account").filter(pk=account_id).first()
        dead = settle(ended, backend) if ended else []
        if results:
            add_to_tallies(results)
        now = datetime.now(UTC)
        claimed: list[Claimed] = []
        next_cursor: str | None = None
        if not limit:
            next_cursor = cursor
        elif backend is not None and backend.failures < FAILURES_TO_OPEN:
            claimed, next_cursor = claim(account_id, limit, cursor, now)
        elif backend is not None:
            if results and all(finished.result in OWN for finished in results):
                # The probe never reached the backend, so another message is one.
                Backend.objects.filter(pk=account_id).update(next_probe_at=now)
            claimed = claim_for_probe(backend, cursor, now)
        route = make_route(backend, now) if backend else None
        return Round(claimed, route, next_cursor, changes, dead)


def make_route(backend: Backend, now: datetime) -> Route:
    secrets = [backend.secret]
    if backend.previous_secret_ends_at is not None and backend.previous_secret_ends_at > now:
        secrets.append(backend.previous_secret)
    texts = [secret.ciphertext for secret in secrets if isinstance(secret, Secret)]
    keys = read_decryption_keys(backend) if backend.forwards_decrypted else None
    return Route(backend.account.slug, backend.url, texts, keys)


def read_decryption_keys(backend: Backend) -> DecryptionKeys:
    """Return the account's EncodingAESKeys, also those that have ended since a message arrived."""
    rows = AESKey.objects.filter(account=backend.pk).values_list("secret", "expires_at")
    keys = [DecryptionKey(secret, end) for secret, end in rows if isinstance(secret, Secret)]
    return DecryptionKeys(keys, backend.account.receive_ids)


def claim(
    account_id: int, limit: int, cursor: str, now: datetime
) -> tuple[list[Claimed], str | None]:
    """Claim the first messages of up to `limit` followers behind `cursor`."""
    with connection.cursor() as database:
        database.execute(FIND, [account_id, cursor, account_id, now, now, limit])
        found = database.fetchall()
        database.execute(CLAIM, [now + LEASE, [row[0] for row in found], now, now])
        claimed = [Claimed(*row) for row in database.fetchall()]
    if len(found) == limit:
        return claimed, found[-1][1]
    return claimed, "" if cursor else None  # begin again with the first follower


def claim_for_probe(backend: Backend, cursor: str, now: datetime) -> list[Claimed]:
    """Claim one message if the circuit is open and a probe is due."""
    # Locked, so that a web process or another worker does not send a second probe.
    locked = Backend.objects.select_for_update(no_key=True)
    probe = locked.filter(pk=backend.pk, failures__gte=FAILURES_TO_OPEN, next_probe_at__lte=now)
    if not probe.exists():
        return []
    claimed = claim(backend.pk, 1, cursor, now)[0] or claim(backend.pk, 1, "", now)[0]
    if claimed:
        Backend.objects.filter(pk=backend.pk).update(next_probe_at=now + LONGEST_DELAY)
    return claimed


def settle(ended: Sequence[Ended], backend: Backend | None) -> list[Ended]:
    """Write how the deliveries have ended, and return those that made dead letters."""
    rows = [settled_row(end, backend) for end in ended]
    with connection.cursor() as database:
        database.execute(SETTLE, [list(column) for column in zip(*rows, strict=True)])
    return [
        end for end, row in zip(ended, rows, strict=True) if row[1] == Delivery.State.DEAD.value
    ]


def settled_row(end: Ended, backend: Backend | None) -> tuple[Any, ...]:
    message, finished = end
    state, attempts, due_at = Delivery.State.WAITING, message.attempts, finished.at + RETRY_DELAY
    if finished.result is DeliveryResult.DELIVERED:
        state = Delivery.State.DELIVERED
    elif finished.result is DeliveryResult.CLIENT_ERROR:  # It would be the same the next time.
        state = Delivery.State.DEAD
    elif finished.result is DeliveryResult.KEY_MISSING:
        # Perhaps only until this process is restarted with the new keys, too.
        due_at = finished.at + KEY_DELAY
    elif finished.result not in UNSENT and has_taken_others(
        backend, since=message.last_attempt_at or message.received_at
    ):
        # The backend is well, so the message is not.
        attempts += 1
        if attempts > len(BACKOFF):
            state = Delivery.State.DEAD
        else:
            due_at = finished.at + BACKOFF[attempts - 1]
    elif finished.result is DeliveryResult.NOT_DECRYPTED:
        due_at = finished.at + KEY_DELAY
    return (
        *(message.id, state.value, attempts, due_at, finished.result.value, finished.status),
        *(finished.at, message.leased_until),
    )


#: Results that say nothing about a message, because the backend has not got it: a backend that is
#: restarted now and then must not make dead letters of what it has never seen.
UNSENT = {
    DeliveryResult.CONNECTION_REFUSED,
    DeliveryResult.NAME_NOT_FOUND,
    DeliveryResult.TLS_FAILED,
    DeliveryResult.FORBIDDEN_ADDRESS,
}


def has_taken_others(backend: Backend | None, since: datetime) -> bool:
    """Return whether the backend has taken a message since the previous attempt."""
    return (
        backend is not None
        and backend.last_success_at is not None
        and backend.last_success_at > since
    )
