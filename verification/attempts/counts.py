"""What a period comes to, from tallies: by account and outcome, and what lists leave out.

Tallies are by the hour of UTC; an hour belongs to the day that it begins in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import F, Sum

from verification.models import OfficialAccount, Tally
from verification.protocol.enums import Kind, Outcome
from verification.times import Period


@dataclass(frozen=True)
class AccountCount:
    account_id: int | None  #: None: no account has that path
    name: str
    slug: str
    accepted: int
    refused: int


@dataclass
class PeriodCounts:
    """URL verifications without internet noise, and sums of everything else."""

    period: Period
    verifications: Counter[tuple[int | None, Outcome]] = field(default_factory=Counter)
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


def count_period(period: Period) -> PeriodCounts:
    """Of all accounts."""
    counts = PeriodCounts(period)
    for row in read_tallies(period):
        add(counts, *row)
    return counts


def read_tallies(period: Period) -> Iterable[tuple[Any, ...]]:
    """Without a cursor, for which PostgreSQL would choose a plan four times as slow."""
    tallies = Tally.objects.filter(hour__gte=period.start, hour__lt=period.end).order_by()
    grouped = tallies.values_list("account_id", "kind", "outcome")
    return grouped.annotate(number=Sum(F("count") - F("noise")), left_out=Sum("noise"))


def add(counts: PeriodCounts, *row: Any) -> None:
    account_id, kind, outcome, number, noise = row
    counts.noise += int(noise)
    if kind == Kind.MESSAGE_PUSH:
        counts.pushes += int(number)
    elif kind == Kind.SELF_TEST:
        counts.self_tests += int(number)
    elif number:
        counts.verifications[account_id, Outcome(outcome)] += int(number)


#: A chart has room for so many bars; of a longer period, one stands for several days.
MOST_BARS = 100

# Each bar is read for itself: finding the day of each hour costs PostgreSQL twice as much, and a
# plain join, which SQLite needs, is prepared there as if it read a hundred times as many.
_TABLE = Tally._meta.db_table
_BARS = "WITH bar (number, start, until) AS (VALUES {bars})"
_OWN = f"{_TABLE} WHERE hour >= bar.start AND hour < bar.until AND kind = %s {{of}}"
_OF = "AND COALESCE(account_id, 0) = %s"
SUM = {
    "postgresql": f"""{_BARS} SELECT bar.number, sums.* FROM bar, LATERAL
        (SELECT outcome, SUM(count - noise) FROM {_OWN} GROUP BY outcome) AS sums""",
    "sqlite": f"""{_BARS} SELECT bar.number, outcome, SUM(count - noise)
        FROM bar CROSS JOIN {_OWN} GROUP BY bar.number, outcome""",
}


class Bar(NamedTuple):
    """The URL verifications of a day, or of several, without internet noise."""

    first: date
    last: date
    accepted: int
    refused: int


def read_bars(period: Period, account: int | None = None) -> list[Bar]:
    """The whole period, empty days included; of one account (0: of none that there is), or all."""
    stretches = list(cut(period))
    sums = dict(read_sums(stretches, account))
    return [
        Bar(it.first, it.last, *(sums.get((number, outcome), 0) for outcome in Outcome))
        for number, it in enumerate(stretches)
    ]


def cut(period: Period) -> Iterator[Period]:
    step = -(-period.days // MOST_BARS)
    for start in range(0, period.days, step):
        first = period.first + timedelta(days=start)
        yield Period(first, min(first + timedelta(days=step - 1), period.last))


def read_sums(
    stretches: Iterable[Period], account: int | None
) -> Iterator[tuple[tuple[int, Outcome], int]]:
    bounds = [(number, _adapt(it.start), _adapt(it.end)) for number, it in enumerate(stretches)]
    bars = ", ".join(["(%s, %s, %s)"] * len(bounds))
    statement = SUM[connection.vendor].format(bars=bars, of="" if account is None else _OF)
    parameters = [*chain(*bounds), Kind.URL_VERIFICATION.value]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*parameters, *([] if account is None else [account])])
        for number, outcome, count in cursor.fetchall():
            yield (number, Outcome(outcome)), int(count)


def _adapt(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
