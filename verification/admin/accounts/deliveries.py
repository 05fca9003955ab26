"""Shows the card of an account's deliveries: what went through, what failed and why, the spool."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from verification.accounts.deliveries import describe_missing_worker, format_moment
from verification.accounts.problems.relay import LONG_WAIT
from verification.admin.base import MINUTE, may
from verification.models import Backend, Delivery, OfficialAccount
from verification.models.backend import retention_of
from verification.protocol.enums import DeliveryResult
from verification.relay.failures import advise, describe
from verification.relay.report import (
    DAY,
    HOUR,
    WITHOUT_REPLY,
    Backlog,
    Failure,
    Period,
    read_backlog,
    read_period,
)
from verification.relay.results import OWN
from verification.times import format_datetime, format_short


@dataclass(frozen=True)
class FailureRow:
    count: int  #: of the last 24 hours
    count_in_hour: int
    last: str
    what: str
    advice: str


def card_context(
    request: HttpRequest, account: OfficialAccount, backend: Backend | None
) -> dict[str, Any] | None:
    """Return what deliveries.html shows, or None if nothing was ever to be delivered."""
    now = timezone.now()
    backlog = read_backlog(account.pk)
    day = read_period(account.pk, now, DAY)
    if backend is None and backlog.oldest is None and not (day.delivered or day.failures):
        return None
    hour, waiting_since = read_period(account.pk, now, HOUR), backlog.oldest_waiting
    return {
        "periods": [
            describe_period(_("Last hour"), hour),
            describe_period(_("Last 24 hours"), day),
        ],
        "failures": [
            describe_failure(failure, hour, advice_for(failure, hour, backlog, backend))
            for failure in day.failures
        ],
        "backlog": backlog,
        "oldest_waiting": waiting_since and format_datetime(waiting_since, MINUTE),
        "dead_end": describe_end(backlog.oldest_dead, backend),
        "problem": find_problem(backlog, backend, now),
        "next_try": describe_next_try(backlog, backend, now),
        "may_manage": may(request, "manage_delivery"),
        "may_see": may(request, "view_delivery"),
        "waiting_url": list_url(account, Delivery.State.WAITING),
        "dead_url": list_url(account, Delivery.State.DEAD),
    }


def describe_period(name: str, period: Period) -> dict[str, Any]:
    return {
        "name": name,
        "delivered": f"{period.delivered:,}",
        "failed": f"{period.failed:,}",
        "median": describe_duration(period.percentile(0.5)),
        "p95": describe_duration(period.percentile(0.95)),
    }


def describe_duration(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "–"
    if milliseconds >= 1000:
        return _("{number} s").format(number=f"{milliseconds / 1000:.1f}")
    return _("{number} ms").format(number=f"{milliseconds:.0f}")


def advice_for(failure: Failure, hour: Period, backlog: Backlog, backend: Backend | None) -> str:
    """Return what to do about the failure, or that the backend has worked since."""
    success = backend.last_success_at if backend else None
    is_over = (
        backend is not None
        and success is not None
        and not backend.is_failing
        and success > failure.last_at
        and failure.result not in OWN
        and not (failure.result in WITHOUT_REPLY and hour.lost_replies)
        and not (failure.result == DeliveryResult.CLIENT_ERROR and backlog.dead)
    )
    if is_over and success is not None:
        return _("The backend works again: it took a message at {time}.").format(
            time=format_short(success)
        )
    return advise(failure.result, failure.status, backend)


def describe_failure(failure: Failure, hour: Period, advice: str) -> FailureRow:
    key = (failure.result, failure.status)
    return FailureRow(
        failure.count,
        sum(recent.count for recent in hour.failures if (recent.result, recent.status) == key),
        format_short(failure.last_at),
        describe(failure.result, failure.status),
        advice,
    )


def describe_end(oldest: datetime | None, backend: Backend | None) -> str:
    """Return when the first dead letter is deleted."""
    if oldest is None:
        return ""
    return format_datetime(oldest + retention_of(backend), MINUTE)


def find_problem(backlog: Backlog, backend: Backend | None, now: datetime) -> str:
    """Return why waiting messages do not move, apart from a failing backend; or an empty text."""
    if not backlog.waiting:
        return ""
    if backend is None:
        return _("They wait for a backend: set one, or discard them.")
    if problem := describe_missing_worker(now):
        return problem
    oldest = backlog.oldest_waiting
    if not backend.is_failing and oldest and now - oldest > LONG_WAIT:
        return _(
            "The backend does not fail, and yet messages wait. Check that manage.py worker runs: "
            "manage.py watch alone delivers nothing. If it runs, the list says why the backend "
            "has not taken them."
        )
    return ""


def describe_next_try(backlog: Backlog, backend: Backend | None, now: datetime) -> str:
    """Return how waiting messages get on while the backend fails, or an empty text."""
    if not backlog.waiting or backend is None or backend.next_probe_at is None:
        return ""
    return _(
        "Next try: {time}. As soon as the backend takes a message, the others follow by themselves."
    ).format(time=format_moment(backend.next_probe_at, now))


def list_url(account: OfficialAccount, state: Delivery.State) -> str:
    query = urlencode({"account__id__exact": str(account.pk), "state": state.name.lower()})
    return f"{reverse('admin:verification_delivery_changelist')}?{query}"
