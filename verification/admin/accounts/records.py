"""Reads the latest verifications and changes of one account, as far as the user may see them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from verification.accounts.strays import read_recent_strays
from verification.admin.accounts.aes_keys import read_last_push
from verification.admin.base import may
from verification.attempts.index import AttemptIndex
from verification.audit_log.change_check import describe_doubt
from verification.diagnosis import StoredData, explain
from verification.models import OfficialAccount, VerificationAttempt
from verification.protocol.enums import Kind, Outcome
from verification.times import format_short

#: Lines of each record.
MAX_LINES = 5


@dataclass(frozen=True)
class Line:
    time: str
    text: str
    url: str
    sign: str = ""


@dataclass(frozen=True)
class Record:
    title: Any
    lines: list[Line]
    none: Any  #: the sentence in place of lines when there are none
    all_url: str  #: empty for users who may not open the whole list


def read_records(request: HttpRequest, account: OfficialAccount) -> list[Record]:
    records = []
    if may(request, "view_verificationattempt"):
        records.append(last_verifications(account))
        if missed := missed_calls(account):
            records.append(missed)
    if may(request, "view_changeevent"):
        records.append(last_changes(account))
    elif may(request, "change_officialaccount"):
        records.append(without_links(last_changes(account)))
    return records


def without_links(record: Record) -> Record:
    """Return the record for a user who may change this account, but not read the whole log."""
    lines = [replace(line, url="") for line in record.lines]
    return replace(record, lines=lines, all_url="")


def last_verifications(account: OfficialAccount) -> Record:
    ids = AttemptIndex([account.pk], [Kind.URL_VERIFICATION]).newest(MAX_LINES)[:MAX_LINES]
    attempts, stored = account.attempts.filter(pk__in=ids).order_by("-id"), StoredData()
    lines = [
        Line(
            format_short(attempt.recorded_at), cause(attempt, stored), _url(attempt), sign(attempt)
        )
        for attempt in attempts.select_related("account", "token__account")
    ]
    return Record(
        _("Last verifications"),
        lines,
        _explain_none(account),
        _list("verificationattempt", account=account.pk),
    )


def missed_calls(account: OfficialAccount) -> Record | None:
    """Return the calls of the last day to a wrong address, or None if there were none."""
    lines = [
        Line(
            format_short(stray.attempt.recorded_at),
            f"{stray.attempt.path} · {stray.explanation.summary}",
            _url(stray.attempt),
            sign(stray.attempt),
        )
        for stray in read_recent_strays(account, timezone.now())[:MAX_LINES]
    ]
    title = _("Calls that missed this account")
    return Record(title, lines, "", _list("verificationattempt", account="none")) if lines else None


def _explain_none(account: OfficialAccount) -> Any:
    if read_last_push(account):
        return _("No verification yet; messages arrive.")
    return _("No verification yet.")


def cause(attempt: VerificationAttempt, stored: StoredData) -> str:
    """Return the cause in a few words, with the number of occurrences if it is above one."""
    times = f" ×{attempt.occurrences}" if attempt.occurrences > 1 else ""
    return explain(attempt, stored).summary + times


def sign(attempt: VerificationAttempt) -> str:
    return "✓" if attempt.outcome == Outcome.ACCEPTED else "✕"


def last_changes(account: OfficialAccount) -> Record:
    lines = []
    for event in account.change_events.order_by("-id")[:MAX_LINES]:
        doubt = describe_doubt(event)
        text = f"{event} – {doubt}" if doubt else str(event)
        lines.append(Line(format_short(event.recorded_at), text, _url(event), "✕" if doubt else ""))
    return Record(
        _("Change log"),
        lines,
        _("Nothing yet"),
        _list("changeevent", account__id__exact=account.pk),
    )


def _url(row: Any) -> str:
    return reverse(f"admin:verification_{row._meta.model_name}_change", args=[row.pk])


def _list(model: str, **query: int | str) -> str:
    return f"{reverse(f'admin:verification_{model}_changelist')}?{urlencode(query)}"
