"""Lets one watch work at a time, so that no alert is sent twice.

This is a lease and not a lock: sending takes seconds, and a transaction that is open for so long
would keep SQLite from recording attempts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from verification.alerts.snapshot import DAY
from verification.models import WatchPosition

#: Longer than a round in which every channel reaches its timeout. The lease of a watch that was
#: killed ends after this time.
LEASE_LENGTH = timedelta(minutes=2)


@contextmanager
def lease(holder: str) -> Iterator[WatchPosition | None]:
    """Hold the lease and yield the position to continue from, or None if another watch holds it."""
    try:
        yield WatchPosition.objects.get() if acquire(holder, LEASE_LENGTH) else None
    finally:
        try:
            release(holder)
        except SystemExit:
            # SIGTERM came in the middle of it. Held, the lease would keep the next watch waiting.
            release(holder)
            raise


def release(holder: str) -> None:
    """End the lease, if this watch holds it."""
    # Not None: /metrics shows the end of the last round as the last sign of life.
    WatchPosition.objects.filter(holder=holder).update(held_until=timezone.now())


def acquire(holder: str, length: timedelta) -> bool:
    """Take or extend the lease for `length` from now. Return False if another watch holds it."""
    now = timezone.now()
    first = WatchPosition(began_at=now - DAY)
    WatchPosition.objects.bulk_create([first], ignore_conflicts=True)
    free = Q(held_until=None) | Q(held_until__lte=now) | Q(holder=holder)
    return bool(WatchPosition.objects.filter(free).update(holder=holder, held_until=now + length))
