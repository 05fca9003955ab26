"""Counts the attempts of a period from the tallies: by account and outcome, and what lists omit.

Tallies count by the hour of UTC. An hour belongs to the day in which it begins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import F, Sum

from verification.models import OfficialAccount, Tally
from verification.protocol.enums import Kind, Outcome
from verification.times import Period, Span


@dataclass(frozen=True)
class AccountCount:
    """Counts the URL verifications of one account, without internet noise."""

    account_id: int | None  #: None for paths that belong to no account
    name: str
    slug: str
    accepted: int
    refused: int


@dataclass
class PeriodCounts:
    """Counts URL verifications without internet noise by account, and adds up everything else."""

    period: Period | Span
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


def count_period(period: Period | Span, account: int | None = None) -> PeriodCounts:
    """Return the counts of a period, of all accounts or of one (0: paths of no account)."""
    counts = PeriodCounts(period)
    tallies = Tally.objects.filter(hour__gte=period.start, hour__lt=period.end).order_by()
    if account is not None:
        tallies = tallies.filter(account=account or None)
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


# PostgreSQL adds up each bar in a subquery of its own. Computing the day of each hour would take
# twice as long, and for a plain join, which SQLite needs, it expects a hundred times as many rows
# and plans accordingly.
_TABLE = Tally._meta.db_table
_BARS = "WITH bar (number, start, until) AS (VALUES {bars})"
_TALLIES_OF_BAR = f"{_TABLE} WHERE hour >= bar.start AND hour < bar.until {{account}}"
_AND_ACCOUNT = "AND COALESCE(account_id, 0) = %s"
_SUMS = "kind, outcome, SUM(count - noise), SUM(noise)"
SUM = {
    "postgresql": f"""{_BARS} SELECT bar.number, sums.* FROM bar, LATERAL
        (SELECT {_SUMS} FROM {_TALLIES_OF_BAR} GROUP BY kind, outcome) AS sums""",
    "sqlite": f"""{_BARS} SELECT bar.number, {_SUMS}
        FROM bar CROSS JOIN {_TALLIES_OF_BAR} GROUP BY bar.number, kind, outcome""",
}


class Bar(NamedTuple):
    """Counts the callbacks of a span of time, each in one of three numbers."""

    start: datetime
    end: datetime
    accepted: int = 0  #: without message pushes
    refused: int = 0  #: of all kinds
    pushes: int = 0  #: accepted message pushes, which are only counted

    @property
    def total(self) -> int:
        return self.accepted + self.refused + self.pushes


@dataclass(frozen=True)
class Selection:
    """Selects the callbacks that bars count."""

    account: int | None = None  #: an id, 0 for paths of no account, or None for all
    kinds: Collection[Kind] = (Kind.URL_VERIFICATION, Kind.MESSAGE_PUSH)
    outcome: Outcome | None = None
    has_noise: bool = False  #: counts internet noise
    has_others: bool = True  #: counts what is not internet noise


def read_bars(spans: Sequence[Span], selection: Selection | None = None) -> list[Bar]:
    """Return a bar for each span, from the tallies. Spans without callbacks are included.

    Tallies count by the hour of UTC: an hour is in the span in which it begins.
    """
    selection = selection or Selection()
    if not spans:
        return []
    bounds = [(number, _adapt(span.start), _adapt(span.end)) for number, span in enumerate(spans)]
    statement = SUM[connection.vendor].format(
        bars=", ".join(["(%s, %s, %s)"] * len(bounds)),
        account="" if selection.account is None else _AND_ACCOUNT,
    )
    parameters: list[Any] = [*chain(*bounds)]
    if selection.account is not None:
        parameters.append(selection.account)
    sums: Counter[tuple[int, str]] = Counter()
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        for number, kind, outcome, others, noise in cursor:
            if kind in selection.kinds and selection.outcome in {None, outcome}:
                sums[number, number_of(kind, outcome)] += selection.has_others * int(
                    others
                ) + selection.has_noise * int(noise)
    return [
        Bar(span.start, span.end, *(sums[number, name] for name in Bar._fields[2:]))
        for number, span in enumerate(spans)
    ]


def number_of(kind: int, outcome: int) -> str:
    """Return the name of the number of a Bar in which a callback counts."""
    if outcome == Outcome.REFUSED:
        return "refused"
    return "pushes" if kind == Kind.MESSAGE_PUSH else "accepted"


def _adapt(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)
