"""Reads what home says about the log: whether its last check is old, and the last changes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from verification.admin.audit_log.change_details import describe
from verification.audit_log.integrity import Check
from verification.change_log import Action
from verification.models import ChangeEvent
from verification.times import format_short

#: A check that is older deserves a hint. A worker checks the log every day.
MAX_CHECK_AGE = timedelta(days=7)
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
