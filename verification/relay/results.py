"""Record how deliveries ended: the statistics of ten minutes, and the circuit of each backend."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction

from verification.models import Backend, DeliveryTally
from verification.models.backend import FAILURES_TO_OPEN
from verification.protocol.enums import DeliveryResult
from verification.relay.spool import open_database

#: Seconds that recording may take.
BUDGET = 2
#: How long the circuit stays open. It grows with the time for which the backend has failed.
SHORTEST_DELAY = timedelta(seconds=5)
LONGEST_DELAY = timedelta(seconds=30)
#: A success of a backend that is well is written this often.
SUCCESS_INTERVAL = timedelta(seconds=1)
PERIOD = timedelta(minutes=10)
#: The results after which the backend has the message.
TAKEN = {DeliveryResult.DELIVERED, DeliveryResult.UNUSABLE_REPLY}
#: Results that say nothing about the backend: the gateway itself has not sent it the message.
OWN = {
    DeliveryResult.BUSY,
    DeliveryResult.REPLAYED,
    DeliveryResult.LOOP,
    DeliveryResult.SPOOL_FULL,
    DeliveryResult.KEY_MISSING,
    DeliveryResult.NOT_DECRYPTED,
}
TABLE = DeliveryTally._meta.db_table
UPSERT = """
INSERT INTO {table} (account_id, period, result, status, bucket, count, last_at) VALUES {rows}
ON CONFLICT (account_id, period, result, status, bucket) DO UPDATE
SET count = {table}.count + excluded.count, last_at = excluded.last_at"""
ROW = "(%s, %s, %s, %s, %s, %s, %s)"
# Short, because pushes wait behind it: they are worth more than counts.
TIMEOUTS = "SET LOCAL lock_timeout = '300ms'; SET LOCAL statement_timeout = '1500ms'"


class Finished(NamedTuple):
    """A delivery that has ended, live or from the spool."""

    account_id: int
    at: datetime
    result: DeliveryResult
    status: int | None = None  #: of HTTP
    seconds: float = 0  #: that the backend took

    @property
    def is_taken(self) -> bool:
        """Return whether the backend has taken the message, although its reply may be unusable."""
        return self.result in TAKEN or 200 <= (self.status or 0) <= 299


class CircuitChange(NamedTuple):
    """A circuit that has opened or closed."""

    account_id: int
    is_open: bool
    failing_since: datetime | None
    result: DeliveryResult | None  #: the last failure
    status: int | None


def record_results(results: Sequence[Finished]) -> list[CircuitChange]:
    """Add the deliveries to the statistics, and bring the circuits up to date, in one transaction.

    Call it about once a second, and at once when a circuit may open or close. Returns the circuits
    that have changed. Raises SpoolUnavailable.
    """
    if not results:
        return []
    with open_database(BUDGET), transaction.atomic():
        set_timeouts()
        changes = update_circuits(results)
        add_to_tallies(results)
    return changes


def claim_probe(account_id: int) -> bool:
    """Return whether the caller may try the backend, whose circuit is open and due for a probe.

    Only one caller gets True, until the circuit's delay has passed again: report how the delivery
    ended with record_results(). Raises SpoolUnavailable.
    """
    with open_database(BUDGET), transaction.atomic():
        set_timeouts()
        now = datetime.now(UTC)
        due = Backend.objects.filter(
            pk=account_id, failures__gte=FAILURES_TO_OPEN, next_probe_at__lte=now
        )
        return bool(due.update(next_probe_at=now + LONGEST_DELAY))


def set_timeouts() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(TIMEOUTS)


# --- Circuits


def update_circuits(results: Sequence[Finished]) -> list[CircuitChange]:
    by_account: dict[int, list[Finished]] = defaultdict(list)
    for finished in results:
        if finished.result not in OWN:
            by_account[finished.account_id].append(finished)
    # Without a lock first: workers of an account would wait for each other at each delivery.
    unlocked = Backend.objects.filter(pk__in=by_account)
    changing = [row.pk for row in unlocked if apply_results(row, by_account[row.pk])]
    # Locked in the same order by every process, so that none waits for another in a circle.
    locked = Backend.objects.select_for_update().order_by("pk")
    changes, changed = [], []
    for backend in locked.filter(pk__in=changing) if changing else ():
        before = backend.failures >= FAILURES_TO_OPEN, backend.failing_since
        if not apply_results(backend, by_account[backend.pk]):
            continue
        changed.append(backend)
        is_open = backend.failures >= FAILURES_TO_OPEN
        if is_open != before[0]:
            since = backend.failing_since if is_open else before[1]
            last = DeliveryResult(backend.last_failure) if backend.last_failure else None
            changes.append(
                CircuitChange(backend.pk, is_open, since, last, backend.last_failure_status)
            )
    if changed:
        Backend.objects.bulk_update(
            changed,
            [
                *("failures", "failing_since", "last_failure", "last_failure_status"),
                *("next_probe_at", "last_success_at"),
            ],
        )
    return changes


def apply_results(backend: Backend, results: Sequence[Finished]) -> bool:
    """Change the backend's circuit by the results, and return whether anything changed."""
    has_changed = False
    for finished in sorted(results, key=lambda finished: finished.at):
        last = backend.last_success_at
        if finished.is_taken:
            if backend.failing_since is not None and finished.at < backend.failing_since:
                continue  # Another process has reported what came later.
            if backend.failures or last is None or finished.at - last >= SUCCESS_INTERVAL:
                backend.last_success_at, has_changed = finished.at, True
            backend.failures, backend.failing_since, backend.next_probe_at = 0, None, None
            continue
        if last is not None and finished.at <= last:
            continue
        has_changed = True
        backend.failures += 1
        backend.failing_since = backend.failing_since or finished.at
        backend.last_failure, backend.last_failure_status = finished.result.value, finished.status
        if backend.failures >= FAILURES_TO_OPEN:
            failing_for = finished.at - backend.failing_since
            delay = min(max(failing_for, SHORTEST_DELAY), LONGEST_DELAY)
            backend.next_probe_at = finished.at + delay
    return has_changed


# --- Statistics


def add_to_tallies(results: Sequence[Finished]) -> None:
    counts: Counter[tuple[Any, ...]] = Counter()
    last: dict[tuple[Any, ...], datetime] = {}
    for finished in results:
        key = (
            *(finished.account_id, start_of_period(finished.at), finished.result.value),
            *(finished.status or 0, bucket_of(finished.seconds)),
        )
        counts[key] += 1
        last[key] = max(last.get(key, finished.at), finished.at)
    adapt = connection.ops.adapt_datetimefield_value
    parameters: list[Any] = []
    for key in sorted(counts):
        account_id, period, *rest = key
        parameters += [account_id, adapt(period), *rest, counts[key], adapt(last[key])]
    statement = UPSERT.format(table=TABLE, rows=", ".join([ROW] * len(counts)))
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def start_of_period(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment - (moment - datetime(2000, 1, 1, tzinfo=UTC)) % PERIOD


def bucket_of(seconds: float) -> int:
    """Return the number of the bucket. Bucket 0 is less than a millisecond.

    Any other is less than 1.25 ** bucket milliseconds, and no less than 1.25 ** (bucket - 1).
    """
    milliseconds = seconds * 1000
    return 0 if milliseconds < 1 else math.floor(math.log(milliseconds, 1.25)) + 1
