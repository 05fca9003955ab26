"""Stretches of days, by the clock of TIME_ZONE: what a review or a list is about."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from verification.times import name_zone


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
        return f"{self.first} – {self.last} ({name_zone(self.start.utcoffset() or timedelta())})"


def midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def is_of_a_log(day: date) -> bool:
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
