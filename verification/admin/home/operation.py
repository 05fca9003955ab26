"""Reads what home shows of what runs: the worker, alerts, and messages that wait for a backend."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.urls import reverse

from verification.accounts.problems.relay import describe_failing, describe_waiting
from verification.accounts.status import AccountStatus
from verification.models import Alert, OfficialAccount
from verification.models.alert import ABOUT_LOG, GOOD_NEWS, REMINDER
from verification.relay.report import WORKER_TIMEOUT, worker_last_seen
from verification.times import format_short

#: Rows of alerts and of backlogs on home.
MAX_ROWS = 5


@dataclass(frozen=True)
class OpenAlert:
    condition: str
    title: str
    since: str
    url: str

    @property
    def is_about_log(self) -> bool:
        return self.condition in ABOUT_LOG


@dataclass(frozen=True)
class Operation:
    """Says whether a worker runs and alerts are configured, and which alerts are open."""

    worker_seen: str  #: empty if none ever ran
    worker_away: timedelta | None  #: how long ago that was
    has_channels: bool
    alerts: list[OpenAlert]

    @property
    def is_worker_missing(self) -> bool:
        return self.worker_away is None or self.worker_away >= WORKER_TIMEOUT

    @property
    def shown_alerts(self) -> list[OpenAlert]:
        return self.alerts[:MAX_ROWS]

    @property
    def further_alerts(self) -> int:
        return max(len(self.alerts) - MAX_ROWS, 0)


def read_operation(now: datetime, *, with_log: bool) -> Operation:
    """Return what runs. `with_log` adds the alerts about the log itself."""
    seen = worker_last_seen()
    return Operation(
        worker_seen=format_short(min(seen, now)) if seen else "",
        worker_away=now - seen if seen else None,
        has_channels=has_channels(),
        alerts=read_open_alerts(now, with_log=with_log),
    )


def has_channels() -> bool:
    """Return whether the settings name somebody to send alerts to."""
    return bool(settings.ALERT_WECOM_SECRET_URL or settings.ALERT_EMAIL_TO)


def read_open_alerts(now: datetime, *, with_log: bool) -> list[OpenAlert]:
    """Return the open alerts, the newest first.

    A problem that has no end, such as a log that was cut off, is open for as long as a reminder.
    """
    alerts = Alert.objects.filter(is_over=False, seen_at__gt=now - REMINDER).order_by("-began_at")
    found = [
        OpenAlert(alert.condition, alert.title, format_short(alert.began_at), own_page(alert.link))
        for alert in alerts
        if alert.condition not in GOOD_NEWS
    ]
    return [alert for alert in found if with_log or not alert.is_about_log]


def own_page(link: str) -> str:
    """Return the page of this admin that a link of an alert names, wherever the admin is opened."""
    page = urlsplit(link)._replace(scheme="", netloc="").geturl()
    return page if page.startswith(reverse("admin:index")) else ""


# --- Messages that wait


@dataclass(frozen=True)
class AccountBacklog:
    account: OfficialAccount
    text: str
    is_stored: bool
    url: str  #: of its messages in the spool


@dataclass(frozen=True)
class Backlogs:
    """Holds the first accounts whose backend fails or whose messages wait, and how many follow."""

    rows: list[AccountBacklog]
    further: int


def find_backlogs(rows: Iterable[tuple[OfficialAccount, AccountStatus]]) -> Backlogs | None:
    """Return where messages wait for a backend, or None if none wait and no backend fails."""
    backlogs = [
        AccountBacklog(account, text, status.facts.backlog.oldest is not None, spool_url(account))
        for account, status in rows
        if (text := describe_backlog(status))
    ]
    if not backlogs:
        return None
    return Backlogs(backlogs[:MAX_ROWS], max(len(backlogs) - MAX_ROWS, 0))


def describe_backlog(status: AccountStatus) -> str:
    """Return whether the backend fails and what is in the spool, or an empty text."""
    backend = status.facts.backend
    failing = describe_failing(backend) if backend and backend.is_failing else ""
    return " · ".join(filter(None, [failing, describe_waiting(status.facts.backlog)]))


def spool_url(account: OfficialAccount) -> str:
    query = urlencode({"account__id__exact": account.pk})
    return f"{reverse('admin:verification_delivery_changelist')}?{query}"
