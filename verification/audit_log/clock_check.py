"""Compares the clocks that date attempts: the database's and this process's, and the log's end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from verification.models import ChainHead
from verification.times import format_datetime

#: Clocks that differ by more are wrong. A request and a transaction take a few seconds at most.
MAX_DIFFERENCE = timedelta(seconds=60)
SELECT_TIMES = (
    f"SELECT clock_timestamp(), (SELECT last_recorded_at FROM {ChainHead._meta.db_table})"
)


def trusted_clock(database: datetime, own: datetime, last_recorded_at: datetime | None) -> datetime:
    """Return the current time: by the database's clock, if this process's agrees.

    If they differ by more than MAX_DIFFERENCE, the clock that is closer to the time of the last
    attempt is trusted. So a clock that jumps dates nothing. Without any attempt, this process's
    clock is trusted.
    """
    if abs(database - own) <= MAX_DIFFERENCE:
        return database
    if last_recorded_at is None:
        return own
    return min(database, own, key=lambda clock: abs(clock - last_recorded_at))


def find_clock_differences() -> list[str]:
    """Return sentences on clocks that differ, and on a last attempt that lies in the future."""
    own = timezone.now()
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(SELECT_TIMES)
            database, last_recorded_at = cursor.fetchone()
    else:
        database = own
        last_recorded_at = ChainHead.objects.values_list("last_recorded_at", flat=True).first()
    return list(_describe(database, own, last_recorded_at))


def _describe(
    database: datetime, own: datetime, last_recorded_at: datetime | None
) -> Iterator[str]:
    if abs(database - own) > MAX_DIFFERENCE:
        yield _(
            "The clocks of the database ({database}) and of this server ({own}) differ. The one "
            "that is closer to the time of the last attempt dates new ones. Set both clocks by NTP."
        ).format(database=format_datetime(database), own=format_datetime(own))
    if last_recorded_at and last_recorded_at - max(database, own) > MAX_DIFFERENCE:
        yield _(
            "The last attempt is dated {time}, which is in the future: a clock was fast when it "
            "was recorded. Until then, new attempts get the same time. Their order is right, and "
            "tokens end when they should."
        ).format(time=format_datetime(last_recorded_at))
