"""Cuts a period into the spans that a chart shows as bars: hours, days, or several days each."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta
from itertools import pairwise

from django.utils import timezone

from verification.times import HOUR, Period, Span, floor_to_hour, midnight

#: A period of at most this many days is shown by the hour.
MAX_DAYS_BY_HOUR = 4
#: A chart shows at most this many bars. In a longer period, each bar stands for several days.
MAX_BARS = 100


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
