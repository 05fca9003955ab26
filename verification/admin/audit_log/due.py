"""Finds the quarter whose sign-off is due. Home names it, and the sign-off page begins with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.urls import reverse
from django.utils import timezone

from verification.change_log import Action
from verification.models import ChangeEvent, Tally
from verification.times import Period, midnight, preset, quarter_of

#: Sign-offs that are read to find a quarter without one.
MAX_SIGN_OFFS = 40
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Review:
    """Holds the last sign-off, and the quarter whose sign-off is due or comes next."""

    last: ChangeEvent | None
    quarter: Period
    is_due: bool
    is_done: bool  #: whether the last full quarter is signed off

    @property
    def due_from(self) -> date:
        return self.quarter.last + DAY

    @property
    def sign_off_url(self) -> str:
        query = f"?first={self.quarter.first}&last={self.quarter.last}"
        return reverse("admin:sign_off") + query


def read_review(today: date) -> Review:
    """Return the last sign-off, and the last full quarter, or this one if that is signed off.

    This quarter comes next, too, if nothing was recorded before it.
    """
    signed = ChangeEvent.objects.filter(action=Action.SIGNED_OFF).order_by("-id")
    sign_offs = list(signed[:MAX_SIGN_OFFS])
    last_quarter = preset("last_quarter", today)
    is_done = covers(sign_offs, last_quarter)
    is_due = not is_done and has_records_before(last_quarter)
    return Review(
        last=sign_offs[0] if sign_offs else None,
        quarter=last_quarter if is_due else quarter_of(today),
        is_due=is_due,
        is_done=is_done,
    )


def has_records_before(period: Period) -> bool:
    """Return whether anything was recorded in the period, or earlier."""
    first = Tally.objects.order_by("hour").values_list("hour", flat=True).first()
    return first is not None and first < period.end


def covers(sign_offs: Iterable[ChangeEvent], period: Period) -> bool:
    """Return whether each day of the period was over when one of these sign-offs reviewed it."""
    missing = period.first
    for first, last in sorted(filter(None, map(reviewed_days, sign_offs))):
        if first <= missing <= last:
            missing = last + DAY
    return missing > period.last


def reviewed_days(sign_off: ChangeEvent) -> Period | None:
    """Return the days of a sign-off that were over when it was made; others may gain records.

    Return None if somebody removed them in the database.
    """
    try:
        first, last = (date.fromisoformat(sign_off.facts[end]) for end in ("first", "last"))
    except (KeyError, TypeError, ValueError):
        return None
    return Period(first, min(last, last_day_over(sign_off.recorded_at)))


def last_day_over(moment: datetime) -> date:
    today = timezone.localdate(moment)
    # In a zone of half hours, a day ends after midnight.
    return today - DAY if midnight(today) <= moment else today - 2 * DAY
