"""What a period comes to, from tallies: by account and outcome, by day, and what lists leave out.

Tallies are by the hour of UTC; an hour belongs to the day that it begins in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, NamedTuple

from django.db.models import Case, F, Sum, When
from django.db.models.functions import TruncDate

from verification.models import OfficialAccount, Tally
from verification.periods import Period
from verification.protocol.words import Kind, Outcome

#: A chart has room for so many bars; of a longer period, one stands for several days.
MOST_BARS = 100


@dataclass(frozen=True)
class AccountCount:
    account_id: int | None  #: None: no account has that path
    name: str
    slug: str
    accepted: int
    refused: int


class Bar(NamedTuple):
    """The URL verifications of a day, or of several."""

    first: date
    last: date
    accepted: int
    refused: int


@dataclass
class PeriodCounts:
    """URL verifications without internet noise, and sums of everything else."""

    period: Period
    verifications: Counter[tuple[int | None, Outcome]] = field(default_factory=Counter)
    days: Counter[tuple[date, Outcome]] = field(default_factory=Counter)
    pushes: int = 0
    self_tests: int = 0
    noise: int = 0

    @property
    def total(self) -> int:
        return self.verifications.total()

    @property
    def accepted(self) -> int:
        return sum(count for (_, it), count in self.verifications.items() if it is Outcome.ACCEPTED)

    @property
    def refused(self) -> int:
        return self.total - self.accepted

    def by_account(self) -> list[AccountCount]:
        """Those that were called, by name; the paths that no account has come last."""
        ids = {account_id for account_id, _ in self.verifications}
        known = OfficialAccount.objects.in_bulk([pk for pk in ids if pk is not None])
        return sorted(
            (self._count(pk, known.get(pk) if pk else None) for pk in ids),
            key=lambda it: (it.account_id is None, it.name, it.slug),
        )

    def _count(self, pk: int | None, account: OfficialAccount | None) -> AccountCount:
        sums = (self.verifications[pk, outcome] for outcome in Outcome)
        return AccountCount(
            pk, account.name if account else "", account.slug if account else "", *sums
        )

    def bars(self) -> list[Bar]:
        """The whole period, empty days included."""
        step = -(-self.period.days // MOST_BARS)
        sums = Counter[tuple[int, Outcome]]()
        for (day, outcome), count in self.days.items():
            sums[(day - self.period.first).days // step, outcome] += count
        return [
            self._bar(start, step, *(sums[number, it] for it in Outcome))
            for number, start in enumerate(range(0, self.period.days, step))
        ]

    def _bar(self, start: int, step: int, accepted: int, refused: int) -> Bar:
        first = self.period.first + timedelta(days=start)
        return Bar(
            first, min(first + timedelta(days=step - 1), self.period.last), accepted, refused
        )


def everybody(account_id: int | None) -> bool:
    return True


def count_period(period: Period, of: Callable[[int | None], bool] = everybody) -> PeriodCounts:
    """Of all accounts; its days only of some."""
    counts = PeriodCounts(period)
    for row in read_tallies(period):
        add(counts, of, *row)
    return counts


def read_tallies(period: Period) -> Iterable[tuple[Any, ...]]:
    """Without a cursor, for which PostgreSQL would choose a plan four times as slow."""
    tallies = Tally.objects.filter(hour__gte=period.start, hour__lt=period.end).order_by()
    by = ("account_id", "kind", "outcome", "day")
    day = Case(When(kind=Kind.URL_VERIFICATION, then=TruncDate("hour")))  # the others have no chart
    grouped = tallies.annotate(day=day).values_list(*by)
    return grouped.annotate(number=Sum(F("count") - F("noise")), left_out=Sum("noise"))


def add(counts: PeriodCounts, of: Callable[[int | None], bool], *row: Any) -> None:
    account_id, kind, outcome, day, number, noise = row
    counts.noise += int(noise)
    if kind == Kind.MESSAGE_PUSH:
        counts.pushes += int(number)
    elif kind == Kind.SELF_TEST:
        counts.self_tests += int(number)
    elif number:
        counts.verifications[account_id, Outcome(outcome)] += int(number)
        if of(account_id):
            counts.days[day, Outcome(outcome)] += int(number)
