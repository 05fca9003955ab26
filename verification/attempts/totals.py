"""Adds up all tallies, and keeps the sums of past hours in this process.

A log of a million attempts has hundreds of thousands of tallies, too many to read for each scrape.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.db.models import F, Sum

from verification.models import ChainHead, Seal, Tally
from verification.protocol.enums import Kind, Outcome

Key = tuple[int | None, Kind, Outcome, bool]  #: account, kind, outcome, whether it is noise

BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class PastHours:
    """Holds the sums of the tallies before the hour in which a seal was made.

    Commits have the order of the chain, so these sums are right in each database that has the seal.
    In a backup from before the seal, they are not.
    """

    seal_id: int = 0
    digest: bytes = b""
    end: datetime = BEGINNING
    totals: Counter[Key] = field(default_factory=Counter)

    def is_valid(self) -> bool:
        return Seal.objects.filter(id=self.seal_id, digest=self.digest).exists()


_past = PastHours()


def read_totals() -> Counter[Key]:
    """Return how many callbacks were answered. Read it in a snapshot."""
    global _past
    past = _past if _past.is_valid() else PastHours()
    head = ChainHead.objects.first()
    if head and head.last_recorded_at:
        hour = head.last_recorded_at.replace(minute=0, second=0, microsecond=0)
        if hour > past.end:
            totals = past.totals + _add_up(hour__gte=past.end, hour__lt=hour)
            past = PastHours(head.last_seal_id, bytes(head.last_digest), hour, totals)
            _past = past
    return past.totals + _add_up(hour__gte=past.end)


def _add_up(**hours: Any) -> Counter[Key]:
    totals: Counter[Key] = Counter()
    # Without .iterator(): for a cursor, PostgreSQL would choose a plan four times as slow.
    tallies = Tally.objects.filter(**hours).order_by().values_list("account_id", "kind", "outcome")
    for pk, kind, outcome, number, noise_count in tallies.annotate(
        number=Sum(F("count") - F("noise")), noise_count=Sum("noise")
    ):
        totals[pk, Kind(kind), Outcome(outcome), False] += int(number)
        totals[pk, Kind(kind), Outcome(outcome), True] += int(noise_count)
    return totals
