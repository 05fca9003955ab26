"""Reads what home shows of what needs somebody: the gateway itself first, then accounts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.urls import reverse
from django.utils.translation import gettext as _

from verification.accounts.levels import Level
from verification.accounts.status import AccountStatus
from verification.admin.base import account_url, attempt_url
from verification.admin.home.operation import OpenAlert, Operation
from verification.audit_log.integrity import Check
from verification.audit_log.report import LogState
from verification.models import OfficialAccount

AccountRows = Sequence[tuple[OfficialAccount, AccountStatus]]
#: Accounts that home lists. The list of accounts has the others.
MAX_ACCOUNTS = 10
#: A worker needs attention once it has been away for longer than a scheduler pauses between runs.
WORKER_AWAY = timedelta(hours=1)
#: What a check finds when it says the same as an alert of this condition.
STATES_OF_ALERTS = {
    "chain_broken": {LogState.NOT_INTACT},
    "seal_key_missing": {LogState.KEY_MISSING},
    "schema_differs": {LogState.NEWER_RELEASE, LogState.MIGRATIONS_MISSING},
}


@dataclass(frozen=True)
class Row:
    """Holds what needs attention, why, and what to do."""

    level: Level
    name: str
    url: str
    text: str
    advice: str = ""
    attempt_url: str = ""


@dataclass(frozen=True)
class Attention:
    rows: list[Row]
    further: int  #: accounts that need attention and are not among the rows
    url: str  #: of the list of all accounts that need attention


def find_attention(
    accounts: AccountRows, check: Check | None, operation: Operation, *, with_attempts: bool
) -> Attention:
    """Return what needs attention. `check` is the last one of the log, if it may be shown."""
    needy = [(account, status) for account, status in accounts if status.needs_attention]
    rows = [*_gateway_rows(check, operation)]
    for account, status in needy[:MAX_ACCOUNTS]:
        evidence = attempt_url(status.attempt) if with_attempts else ""
        url = account_url(account.pk)
        rows.append(Row(status.level, account.name, url, status.text, status.advice, evidence))
    return Attention(rows, max(len(needy) - MAX_ACCOUNTS, 0), accounts_url("attention"))


def _gateway_rows(check: Check | None, operation: Operation) -> Iterator[Row]:
    integrity, log = reverse("admin:integrity"), _("The log")
    advice = _("Do not change or prune anything. The Integrity page says what to do.")
    if check is not None and not check.is_intact:
        text = str(check.state.label)
        if check.first_broken:
            text = _("Broken at seal %(seal)s") % {"seal": check.first_broken}
        yield Row(Level.FAILING, log, integrity, text, check.advice or advice)
    for alert in operation.alerts:
        if alert.is_about_log and not (check and covers(check, alert)):
            yield Row(Level.FAILING, log, integrity, alert.title, advice)
    if operation.worker_away and operation.worker_away > WORKER_AWAY:
        text = _("Last seen {time}").format(time=operation.worker_seen)
        advice = _("Start manage.py worker: nothing checks the log, sends alerts or delivers.")
        yield Row(Level.WARNING, _("Worker"), "", text, advice)


def covers(check: Check, alert: OpenAlert) -> bool:
    """Return whether the last check says the same as this alert, or that its problem is over."""
    states = STATES_OF_ALERTS.get(alert.condition)
    is_over = check.is_intact and check.is_whole
    return states is not None and (is_over or check.state in states)


# --- Counts


@dataclass(frozen=True)
class StateCount:
    level: Level
    count: int
    url: str


def count_states(accounts: AccountRows) -> list[StateCount]:
    """Return how many accounts have each state that occurs, and the list of those."""
    counts = Counter(status.level for _account, status in accounts)
    return [
        StateCount(level, counts[level], accounts_url(level.key))
        for level in Level
        if counts[level]
    ]


def accounts_url(state: str) -> str:
    return f"{reverse('admin:verification_officialaccount_changelist')}?status={state}"
