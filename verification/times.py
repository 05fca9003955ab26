"""Times as people compare them: by the clock of TIME_ZONE, in one spelling."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


def format_datetime(moment: datetime, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """2026-09-29 10:42:07 (UTC+8)"""
    local = timezone.localtime(moment)
    return f"{local.strftime(pattern)} ({format_offset(local.utcoffset() or timedelta())})"


def format_short(moment: datetime) -> str:
    """What tells it from other times: 10:42 today, 09-29 10:42 this year, otherwise all of it.

    For pages that say the zone once, with format_zone().
    """
    return f"{_short_date(moment)}{timezone.localtime(moment):%H:%M}"


def format_short_with_seconds(moment: datetime) -> str:
    """format_short(), with its seconds."""
    return f"{_short_date(moment)}{timezone.localtime(moment):%H:%M:%S}"


def _short_date(moment: datetime) -> str:
    """Nothing for today."""
    local, today = timezone.localtime(moment), timezone.localdate()
    if local.date() == today:
        return ""
    return f"{local:%m-%d} " if local.year == today.year else f"{local:%Y-%m-%d} "


def format_date(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d}"


def format_zone() -> str:
    """Asia/Shanghai (UTC+8)"""
    offset = timezone.localtime().utcoffset() or timedelta()
    return f"{settings.TIME_ZONE} ({format_offset(offset)})"


def format_offset(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}{f':{rest:02}' if rest else ''}"


class Period(NamedTuple):
    first: date
    last: date  #: belongs to it

    @property
    def start(self) -> datetime:
        return midnight(self.first)

    @property
    def end(self) -> datetime:
        """The first moment after it."""
        return midnight(self.last + timedelta(days=1))

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def is_over(self) -> bool:
        return self.end <= timezone.now()

    def __str__(self) -> str:
        """2026-07-01 – 2026-09-30 (UTC+8)"""
        return (
            f"{self.first} – {self.last} ({format_offset(self.start.utcoffset() or timedelta())})"
        )


def midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def can_have_records(day: date) -> bool:
    """The first and last days of all have no midnight in every zone."""
    return 1970 <= day.year <= 9000


def month_of(day: date) -> Period:
    first = day.replace(day=1)
    return Period(first, next_month(first) - timedelta(days=1))


def quarter_of(day: date) -> Period:
    first = day.replace(month=(day.month - 1) // 3 * 3 + 1, day=1)
    return Period(first, month_of(next_month(next_month(first))).last)


def next_month(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


#: Names in URLs, and what they are called.
PRESETS = {
    "this_month": _("This month"),
    "last_month": _("Last month"),
    "this_quarter": _("This quarter"),
    "last_quarter": _("Last quarter"),
}


def preset(name: str, today: date) -> Period:
    """One of PRESETS, as of a day. Raises KeyError."""
    month, quarter = month_of(today), quarter_of(today)
    return {
        "this_month": month,
        "last_month": month_of(month.first - timedelta(days=1)),
        "this_quarter": quarter,
        "last_quarter": quarter_of(quarter.first - timedelta(days=1)),
    }[name]
