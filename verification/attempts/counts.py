"""Counts the attempts of a period from the tallies: by account and outcome, and what lists omit.

Tallies count by the hour of UTC. An hour belongs to the day in which it begins.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
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
    """The URL verifications of one account, without internet noise."""

    account_id: int | None  #: None for paths that belong to no account
    name: str
    slug: str
    accepted: int
    refused: int


@dataclass
class PeriodCounts:
    """Counts URL verifications without internet noise by account, and adds up everything else."""

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
        return sum(
            count
            for (_account_id, outcome), count in self.verifications.items()
            if outcome is Outcome.ACCEPTED
        )

    @property
    def refused(self) -> int:
        return self.total - self.accepted

    def by_account(self) -> list[AccountCount]:
        """Return the accounts that were called, by name. Paths without an account come last."""
        ids = {account_id for account_id, _outcome in self.verifications}
        accounts = OfficialAccount.objects.in_bulk([pk for pk in ids if pk is not None])
        counts = []
        for pk in ids:
            account = accounts.get(pk) if pk else None
            name, slug = (account.name, account.slug) if account else ("", "")
            accepted = self.verifications[pk, Outcome.ACCEPTED]
            refused = self.verifications[pk, Outcome.REFUSED]
            counts.append(AccountCount(pk, name, slug, accepted, refused))
        return sorted(counts, key=lambda count: (count.account_id is None, count.name, count.slug))


def count_period(period: Period) -> PeriodCounts:
    """Return the counts of a period, of all accounts."""
    counts = PeriodCounts(period)
    tallies = Tally.objects.filter(hour__gte=period.start, hour__lt=period.end).order_by()
    # Without .iterator(): for a cursor, PostgreSQL would choose a plan four times as slow.
    sums = tallies.values_list("account_id", "kind", "outcome").annotate(
        number=Sum(F("count") - F("noise")), left_out=Sum("noise")
    )
    for account_id, kind, outcome, number, noise in sums:
        counts.noise += int(noise)
        if kind == Kind.MESSAGE_PUSH:
            counts.pushes += int(number)
        elif kind == Kind.SELF_TEST:
            counts.self_tests += int(number)
        elif number:
            counts.verifications[account_id, Outcome(outcome)] += int(number)
    return counts


#: A chart shows at most this many bars. In a longer period, each bar stands for several days.
MAX_BARS = 100

# PostgreSQL adds up each bar in a subquery of its own. Computing the day of each hour would take
# twice as long, and for a plain join, which SQLite needs, it expects a hundred times as many rows
# and plans accordingly.
_TABLE = Tally._meta.db_table
_BARS = "WITH bar (number, start, until) AS (VALUES {bars})"
_TALLIES_OF_BAR = f"{_TABLE} WHERE hour >= bar.start AND hour < bar.until AND kind = %s {{account}}"
_AND_ACCOUNT = "AND COALESCE(account_id, 0) = %s"
SUM = {
    "postgresql": f"""{_BARS} SELECT bar.number, sums.* FROM bar, LATERAL
        (SELECT outcome, SUM(count - noise) FROM {_TALLIES_OF_BAR} GROUP BY outcome) AS sums""",
    "sqlite": f"""{_BARS} SELECT bar.number, outcome, SUM(count - noise)
        FROM bar CROSS JOIN {_TALLIES_OF_BAR} GROUP BY bar.number, outcome""",
}


class Bar(NamedTuple):
    """The URL verifications of a day, or of several, without internet noise."""

    first: date
    last: date
    accepted: int
    refused: int


def read_bars(period: Period, account: int | None = None) -> list[Bar]:
    """Return a bar for each day of the period, or for each span of days if the period is long.

    Days without attempts are included. `account` limits the counts to one account (0: paths of
    no account).
    """
    spans = list(split_into_spans(period))
    bounds = [(number, _adapt(span.start), _adapt(span.end)) for number, span in enumerate(spans)]
    statement = SUM[connection.vendor].format(
        bars=", ".join(["(%s, %s, %s)"] * len(bounds)),
        account="" if account is None else _AND_ACCOUNT,
    )
    parameters = [*chain(*bounds), Kind.URL_VERIFICATION.value]
    if account is not None:
        parameters.append(account)
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        sums = {(number, Outcome(outcome)): int(total) for number, outcome, total in cursor}
    return [
        Bar(span.first, span.last, *(sums.get((number, outcome), 0) for outcome in Outcome))
        for number, span in enumerate(spans)
    ]


def split_into_spans(period: Period) -> Iterator[Period]:
    """Yield the period in at most MAX_BARS parts of equal length. The last may be shorter."""
    step = math.ceil(period.days / MAX_BARS)
    for start in range(0, period.days, step):
        first = period.first + timedelta(days=start)
        yield Period(first, min(first + timedelta(days=step - 1), period.last))


def _adapt(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
