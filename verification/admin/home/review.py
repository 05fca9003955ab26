"""The part of home about the log itself: its last check, sign-offs, and the last changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.urls import reverse
from django.utils import timezone

from verification.admin.audit_log.change_details import describe
from verification.audit_log.integrity import Check
from verification.change_log import Action
from verification.models import ChangeEvent, Tally
from verification.times import Period, format_short, preset, quarter_of

#: A check that is older deserves a hint. A worker checks the log every day.
MAX_CHECK_AGE = timedelta(days=7)
#: Sign-offs that are read to find a quarter without one.
MAX_SIGN_OFFS = 40
CHANGES = 5
#: Events that are no news to an operator: they happen every day, or stand elsewhere on home.
ROUTINE = [
    Action.PASSWORD_ACCEPTED,
    Action.SIGNED_IN,
    Action.SIGN_IN_FAILED,
    Action.SIGNED_OUT,
    Action.SECOND_FACTOR_REFUSED,
    Action.LOG_CHECKED,
]


def is_stale(check: Check | None, now: datetime) -> bool:
    """Return whether the log was not checked within MAX_CHECK_AGE."""
    return check is None or now - check.at > MAX_CHECK_AGE


# --- Sign-offs


@dataclass(frozen=True)
class Review:
    """Holds the last sign-off, and the quarter whose sign-off is due or comes next."""

    last: ChangeEvent | None
    quarter: Period
    is_due: bool

    @property
    def due_from(self) -> date:
        return self.quarter.last + timedelta(days=1)

    @property
    def sign_off_url(self) -> str:
        query = f"?first={self.quarter.first}&last={self.quarter.last}"
        return reverse("admin:sign_off") + query


def read_review(today: date) -> Review:
    """Return the last sign-off, and the last full quarter, or this one if that is signed off."""
    signed = ChangeEvent.objects.filter(action=Action.SIGNED_OFF).order_by("-id")
    sign_offs = list(signed[:MAX_SIGN_OFFS])
    last_quarter = preset("last_quarter", today)
    is_due = has_records_before(last_quarter) and not covers(sign_offs, last_quarter)
    return Review(
        last=sign_offs[0] if sign_offs else None,
        quarter=last_quarter if is_due else quarter_of(today),
        is_due=is_due,
    )


def has_records_before(period: Period) -> bool:
    """Return whether anything was recorded in the period, or earlier."""
    first = Tally.objects.order_by("hour").values_list("hour", flat=True).first()
    return first is not None and first < period.end


def covers(sign_offs: Iterable[ChangeEvent], period: Period) -> bool:
    """Return whether each day of the period is within one of these sign-offs.

    A sign-off covers only the days that were over when it was made.
    """
    missing = period.first
    for first, last in sorted(map(signed_days, sign_offs)):
        if first <= missing <= last:
            missing = last + timedelta(days=1)
    return missing > period.last


def signed_days(event: ChangeEvent) -> tuple[date, date]:
    day_before = timezone.localdate(event.recorded_at) - timedelta(days=1)
    first, last = (date.fromisoformat(event.facts[name]) for name in ("first", "last"))
    return first, min(last, day_before)


# --- Changes


@dataclass(frozen=True)
class Change:
    event: ChangeEvent
    at: str
    detail: str


def read_changes() -> list[Change]:
    """Return the last CHANGES events that are not ROUTINE."""
    return list(_changes())


def _changes() -> Iterator[Change]:
    events = ChangeEvent.objects.exclude(action__in=ROUTINE).select_related("account")
    for event in events.order_by("-id")[:CHANGES]:
        yield Change(event, format_short(event.recorded_at), describe(event))
