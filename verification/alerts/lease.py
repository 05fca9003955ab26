"""Whose turn it is: of several watchers one looks at a time, so that nothing is told twice.

A lease, not a lock: sending takes seconds, and a transaction held open meanwhile would keep
SQLite from recording attempts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from verification.alerts.snapshot import DAY
from verification.models import WatchPosition

#: Longer than a round lasts in which every channel keeps us waiting. Whoever was killed in the
#: middle of one is not waited for any longer.
ROUND = timedelta(minutes=2)


@contextmanager
def lease(holder: str) -> Iterator[WatchPosition | None]:
    """The position to go on from; none while somebody else looks."""
    if not acquire(holder, ROUND):
        yield None
        return
    try:
        yield WatchPosition.objects.get()
    finally:
        WatchPosition.objects.filter(holder=holder).update(held_until=None)


def acquire(holder: str, length: timedelta) -> bool:
    """Take the turn, or keep it for so long from now on."""
    now = timezone.now()
    first = WatchPosition(began_at=now - DAY)
    WatchPosition.objects.bulk_create([first], ignore_conflicts=True)
    free = Q(held_until=None) | Q(held_until__lt=now) | Q(holder=holder)
    return bool(WatchPosition.objects.filter(free).update(holder=holder, held_until=now + length))
