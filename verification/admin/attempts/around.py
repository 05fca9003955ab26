"""Says what the log has around a moment, and what is nearest if it has nothing there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from verification.admin.attempts.neighbours import detail_url
from verification.attempts.bars import Selection, hours_of, read_bars
from verification.attempts.filter import AROUND, AttemptFilter, span_around
from verification.attempts.page import find_nearest
from verification.models import VerificationAttempt
from verification.protocol.enums import Kind, Outcome
from verification.times import HOUR, MINUTE, Span, floor_to_hour, format_datetime, minute_of


@dataclass(frozen=True)
class Around:
    """Holds what the page says about a moment that somebody asked about."""

    name: str  #: the time, with the date unless that is today
    shown: Span
    minute: Span
    earlier: str  #: the query of the minutes before
    later: str
    is_to_come: bool
    is_empty: bool = False  #: nothing was recorded in the minute
    before: Any = None  #: the nearest attempts, if the minute is empty
    after: Any = None

    def holds(self, attempt: VerificationAttempt) -> bool:
        return self.minute.start <= attempt.recorded_at < self.minute.end


def look_around(filters: AttemptFilter, attempts: list[VerificationAttempt]) -> Around | None:
    """Return what is around the moment of the filter, None if it has none."""
    if filters.at is None:
        return None
    minute = minute_of(filters.at)
    step = MINUTE + 2 * AROUND
    around = Around(
        name=name_moment(filters.at),
        shown=span_around(filters.at),
        minute=minute,
        earlier=shifted(filters, -step),
        later=shifted(filters, step),
        is_to_come=minute.start > timezone.now(),
    )
    if any(around.holds(attempt) for attempt in attempts):
        return around
    nearest = find_nearest(filters, minute)
    if nearest is None:  # The minute is on another page.
        return around
    return Around(
        **{
            **vars(around),
            "is_empty": True,
            "before": nearest.before and link_to(nearest.before),
            "after": nearest.after and link_to(nearest.after),
        }
    )


def shifted(filters: AttemptFilter, step: timedelta) -> str:
    assert filters.at
    at = minute_of(filters.at).start + step
    return filters.replace(at=at, period=span_around(at)).query()


def name_moment(at: datetime) -> str:
    local = timezone.localtime(at)
    time = f"{local:%H:%M:%S}" if local.second else f"{local:%H:%M}"
    return time if local.date() == timezone.localdate() else f"{local:%Y-%m-%d} {time}"


def link_to(attempt: VerificationAttempt) -> tuple[str, str]:
    """Return the address and the time of an attempt."""
    return detail_url(attempt), format_datetime(attempt.recorded_at)


def count_pushes(filters: AttemptFilter) -> tuple[int, Span] | None:
    """Return the accepted pushes of the hours of a span that does not consist of whole hours.

    They have no rows, so only whole hours of them are counted. Return None where they are counted
    otherwise, or where the filter selects none.
    """
    period = filters.period
    has_pushes = Kind.MESSAGE_PUSH in filters.kinds and filters.outcome is not Outcome.REFUSED
    if not isinstance(period, Span) or period.has_whole_hours:
        return None
    if not has_pushes or not filters.is_countable:
        return None
    start, end = floor_to_hour(period.start), floor_to_hour(period.last) + HOUR
    selection = Selection(filters.account_number, [Kind.MESSAGE_PUSH], Outcome.ACCEPTED)
    return sum(bar.pushes for bar in read_bars(hours_of(start, end), selection)), Span(start, end)
