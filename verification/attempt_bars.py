"""URL verifications by day, or by several days where a period is long: what the chart draws."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any, NamedTuple

from django.db import connection

from verification.models import Tally
from verification.periods import Period
from verification.protocol.enums import Kind, Outcome

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
