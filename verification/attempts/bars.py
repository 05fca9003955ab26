"""Counts callbacks by hour, by day, or by several days, as the bars of a chart.

Tallies count by the hour of UTC. An hour belongs to the day in which it begins.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain, pairwise
from typing import Any, NamedTuple

from django.db import connection
from django.utils import timezone

from verification.models import Tally
from verification.protocol.enums import Kind, Outcome
from verification.times import HOUR, Period, Span, floor_to_hour, midnight

#: A period of at most this many days is shown by the hour.
MAX_DAYS_BY_HOUR = 4
#: A chart shows at most this many bars. In a longer period, each bar stands for several days.
MAX_BARS = 100

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
                sums[number, bar_field(kind, outcome)] += selection.has_others * int(
                    others
                ) + selection.has_noise * int(noise)
    return [
        Bar(span.start, span.end, *(sums[number, name] for name in Bar._fields[2:]))
        for number, span in enumerate(spans)
    ]


def bar_field(kind: int, outcome: int) -> str:
    """Return the name of the number of a Bar in which a callback counts."""
    if outcome == Outcome.REFUSED:
        return "refused"
    return "pushes" if kind == Kind.MESSAGE_PUSH else "accepted"


def _adapt(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


# --- The spans of the bars


def spans_of(period: Period | Span) -> list[Span]:
    """Return the period in spans of an hour, of a day, or of several days if it is long.

    The first and the last span of a period that does not consist of whole hours are shorter.
    """
    if period.end - period.start <= timedelta(days=MAX_DAYS_BY_HOUR, hours=1):
        return hours_of(period.start, period.end)
    first, last = days_in(period)
    days = (last - first).days + 1
    step = math.ceil(days / MAX_BARS)
    begins = [midnight(first + timedelta(days=start)) for start in range(0, days, step)]
    # The first and the last day may be cut off.
    edges = [period.start, *(day for day in begins if period.start < day < period.end), period.end]
    return [Span(*ends) for ends in pairwise(edges)]


def days_in(period: Period | Span) -> tuple[date, date]:
    """Return the first and the last day of TIME_ZONE that the period is part of."""
    if isinstance(period, Period):
        return period.first, period.last
    first, last = (timezone.localdate(moment) for moment in (period.start, period.last))
    if midnight(first) > period.start:  # In a zone of half hours, a day begins after midnight.
        first -= timedelta(days=1)
    return first, last


def latest_hours(count: int) -> list[Span]:
    """Return the latest hours, the current one included."""
    end = floor_to_hour(timezone.now()) + HOUR
    return hours_of(end - count * HOUR, end)


def hours_of(start: datetime, end: datetime) -> list[Span]:
    """Return the hours of UTC, by which tallies count, from `start` to `end`."""
    spans, moment = [], start
    while moment < end:
        following = min(floor_to_hour(moment) + HOUR, end)
        spans.append(Span(moment, following))
        moment = following
    return spans
