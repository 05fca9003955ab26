"""Formats dates and times in TIME_ZONE, and computes the periods of the log.

Computed times are in UTC: in TIME_ZONE, Python would add and compare what clocks show, and be an
hour off where the clocks change.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def format_datetime(moment: datetime, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return a time with its zone, such as 2026-09-29 10:42:07 (UTC+8)."""
    local = timezone.localtime(moment)
    return f"{local.strftime(pattern)} ({local_offset(moment)})"


def format_short(moment: datetime) -> str:
    """Return a time without the parts that it shares with today.

    For example: 10:42 today, 09-29 10:42 this year, and 2025-09-29 10:42 otherwise. Use it on pages
    that name the zone once, with format_zone().
    """
    return f"{_short_date(moment)}{timezone.localtime(moment):%H:%M}"


def format_short_with_seconds(moment: datetime) -> str:
    """Return format_short() with seconds."""
    return f"{_short_date(moment)}{timezone.localtime(moment):%H:%M:%S}"


def _short_date(moment: datetime) -> str:
    """Return the date with a space after it, or an empty string for today."""
    local, today = timezone.localtime(moment), timezone.localdate()
    if local.date() == today:
        return ""
    return f"{local:%m-%d} " if local.year == today.year else f"{local:%Y-%m-%d} "


def format_date(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d}"


def format_zone() -> str:
    """Return the name of TIME_ZONE and its offset, such as Asia/Shanghai (UTC+8)."""
    return f"{settings.TIME_ZONE} ({local_offset(timezone.now())})"


def format_offset(offset: timedelta) -> str:
    """Return an offset such as UTC+8, UTC-3:30 or UTC."""
    minutes = round(offset.total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}{f':{rest:02}' if rest else ''}"


def local_offset(moment: datetime) -> str:
    """Return the offset of TIME_ZONE at `moment`, such as UTC+8."""
    return format_offset(timezone.localtime(moment).utcoffset() or timedelta())


def comes_twice(moment: datetime) -> bool:
    """Return whether clocks show this time a second time, because they go back."""
    local = timezone.localtime(moment)
    return local.utcoffset() != local.replace(fold=1 - local.fold).utcoffset()


class Period(NamedTuple):
    """Holds the first and the last day of a period, both inclusive."""

    first: date
    last: date

    @property
    def start(self) -> datetime:
        return midnight(self.first)

    @property
    def end(self) -> datetime:
        """Return the first moment after the period."""
        return midnight(self.last + timedelta(days=1))

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def is_over(self) -> bool:
        return self.end <= timezone.now()

    def __str__(self) -> str:
        """Return both days and the offset, such as 2026-07-01 – 2026-09-30 (UTC+8)."""
        return f"{self.first} – {self.last} ({local_offset(self.start)})"


class Span(NamedTuple):
    """Holds a stretch of time from `start` to `end`, which is the first moment after it."""

    start: datetime
    end: datetime

    @property
    def last(self) -> datetime:
        """Return the last minute of the span, as people write its end."""
        return self.end - MINUTE

    @property
    def has_whole_hours(self) -> bool:
        """Return whether tallies, which count by the hour of UTC, can count the span."""
        return all(moment == floor_to_hour(moment) for moment in self)

    def __str__(self) -> str:
        """Return both ends and the offset, such as 2026-09-29 10:00 – 10:59 (UTC+8).

        If the clocks change in the span, each end has its own offset.
        """
        first, last = timezone.localtime(self.start), timezone.localtime(self.last)
        until = f"{last:%H:%M}" if first.date() == last.date() else f"{last:%Y-%m-%d %H:%M}"
        offsets = [f" ({local_offset(moment)})" for moment in (first, last)]
        of_first = offsets[0] if offsets[0] != offsets[1] else ""
        return f"{first:%Y-%m-%d %H:%M}{of_first} – {until}{offsets[1]}"


def minute_of(moment: datetime) -> Span:
    """Return the minute that `moment` is in."""
    start = moment.astimezone(UTC).replace(second=0, microsecond=0)
    return Span(start, start + MINUTE)


def floor_to_hour(moment: datetime) -> datetime:
    """Return the full hour of UTC at `moment` or before it."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def midnight(day: date) -> datetime:
    """Return when a day of the log begins: at midnight, or at the next full hour of UTC.

    Tallies count by the hour of UTC. So that everything else agrees with them, a day in
    Asia/Kolkata (UTC+5:30) begins at 00:30.
    """
    start = timezone.make_aware(datetime.combine(day, time())).astimezone(UTC)
    hour = start.replace(minute=0, second=0)
    return hour if hour == start else hour + HOUR


def period_of(span: Span) -> Period | Span:
    """Return a span of whole days as a period of these days, and any other span as it is."""
    first, last = (timezone.localdate(moment) for moment in (span.start, span.last))
    if midnight(last) > span.last:  # In a zone of half hours, a day ends after midnight.
        last -= timedelta(days=1)
    period = Period(first, last)
    return period if (period.start, period.end) == (span.start, span.end) else span


def can_have_records(day: date) -> bool:
    """Return whether a day can be used in a filter or a period.

    The first and last days that Python knows have no midnight in some time zones.
    """
    return 1970 <= day.year <= 9000


def month_of(day: date) -> Period:
    first = day.replace(day=1)
    return Period(first, next_month(first) - timedelta(days=1))


def quarter_of(day: date) -> Period:
    first = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return Period(first, month_of(next_month(next_month(first))).last)


def next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


#: Labels of the preset periods, by their names in URLs.
PRESETS = {
    "this_month": _("This month"),
    "last_month": _("Last month"),
    "this_quarter": _("This quarter"),
    "last_quarter": _("Last quarter"),
}


def preset(name: str, today: date) -> Period:
    """Return the period of one of PRESETS, relative to `today`. Raises KeyError."""
    month, quarter = month_of(today), quarter_of(today)
    return {
        "this_month": month,
        "last_month": month_of(month.first - timedelta(days=1)),
        "this_quarter": quarter,
        "last_quarter": quarter_of(quarter.first - timedelta(days=1)),
    }[name]
