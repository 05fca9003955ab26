"""Delete from the spool what nobody needs any more, and repair what a wrong clock has left."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.db import connection, transaction

from verification.models import Backend, Delivery, DeliveryTally
from verification.models.backend import DEFAULT_RETENTION
from verification.relay.results import set_timeouts
from verification.relay.spool import open_database

#: Seconds between two rounds.
CLEANING_INTERVAL = 60
#: Seconds that a step may take.
BUDGET = 3
#: How many rows a transaction changes.
BATCH = 1_000
#: How long a settled message is shown, without its payload.
SETTLED_KEPT = timedelta(days=7)
TALLIES_KEPT = timedelta(days=8)
#: No time that is written is further in the future, unless a clock was wrong.
LATEST = timedelta(minutes=15)
TABLE = Delivery._meta.db_table
# What a worker is delivering is left to it.
EXPIRE = f"""
UPDATE {TABLE} SET state = 5, payload = NULL, settled_at = %s WHERE id IN (
    SELECT message.id FROM {TABLE} message
    LEFT JOIN {Backend._meta.db_table} backend ON backend.account_id = message.account_id
    WHERE message.state IN (1, 2) AND (leased_until IS NULL OR leased_until <= %s)
        AND received_at < %s - coalesce(retention_days, %s) * interval '1 day'
    LIMIT %s FOR UPDATE OF message SKIP LOCKED)"""
DELETE_SETTLED = f"""
DELETE FROM {TABLE} WHERE id IN (
    SELECT id FROM {TABLE} WHERE settled_at < %s AND state IN (3, 4, 5)
    LIMIT %s FOR UPDATE SKIP LOCKED)"""


def clean() -> None:
    """Expire messages that have waited too long, and delete old rows. Raises SpoolUnavailable."""
    now = datetime.now(UTC)
    repair_times(now)
    repeat(EXPIRE, [now, now, now, DEFAULT_RETENTION, BATCH])
    repeat(DELETE_SETTLED, [now - SETTLED_KEPT, BATCH])
    with open_database(BUDGET):
        DeliveryTally.objects.filter(period__lt=now - TALLIES_KEPT).delete()


def repair_times(now: datetime) -> None:
    """Bring times that a wrong clock has written back to now.

    Otherwise messages would wait for their next attempt until then, and circuits for a probe; and
    failures before a success of the future would not open a circuit.
    """
    backends, waiting = Backend.objects, Delivery.objects.filter(state=Delivery.State.WAITING)
    with open_database(BUDGET), transaction.atomic():
        set_timeouts()
        backends.filter(next_probe_at__gt=now + LATEST).update(next_probe_at=now)
        backends.filter(failing_since__gt=now + LATEST).update(failing_since=now)
        backends.filter(last_success_at__gt=now + LATEST).update(last_success_at=None)
        waiting.filter(due_at__gt=now + LATEST).update(due_at=now)
        waiting.filter(leased_until__gt=now + LATEST).update(leased_until=None)


def repeat(statement: str, parameters: list[datetime | int]) -> None:
    """Execute the statement in short transactions, until one changes less than a full batch."""
    changed = BATCH
    while changed == BATCH:
        with open_database(BUDGET), transaction.atomic(), connection.cursor() as cursor:
            set_timeouts()
            cursor.execute(statement, parameters)
            changed = cursor.rowcount
