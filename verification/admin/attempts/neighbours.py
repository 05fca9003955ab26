"""Finds the attempts around one: of the account, from the source, and the one that passed."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from verification.admin.accounts.records import cause, sign
from verification.diagnosis import Explanation, StoredData
from verification.models import VerificationAttempt
from verification.protocol.enums import Kind, Outcome

#: Rows that are searched on each side, by source and by account. Sources have no index, and where
#: nothing more is to be found the planner would walk to the end of the log. Ids have no gaps, so a
#: range of ids limits that.
NEAR_ROWS, FAR_ROWS = 10_000, 100_000
#: Attempts from the same source that are shown on each side.
MAX_NEIGHBOURS = 3


@dataclass(frozen=True)
class Neighbour:
    time: str
    sign: str
    text: str
    url: str
    is_this: bool = False
    is_solution: bool = False


def detail_url(attempt: VerificationAttempt) -> str:
    return reverse("admin:verification_verificationattempt_change", args=[attempt.pk])


# --- Of the same account


def find_earlier(attempt: VerificationAttempt) -> VerificationAttempt | None:
    return before(attempt, FAR_ROWS).filter(account=attempt.account_id).first()


def find_later(attempt: VerificationAttempt) -> VerificationAttempt | None:
    return after(attempt, FAR_ROWS).filter(account=attempt.account_id).first()


def before(attempt: VerificationAttempt, rows: int) -> QuerySet[VerificationAttempt]:
    """Return the attempts among the previous `rows` rows, the nearest first."""
    attempts = VerificationAttempt.objects.filter(id__range=(attempt.pk - rows, attempt.pk - 1))
    return attempts.select_related("account").order_by("-id")


def after(attempt: VerificationAttempt, rows: int) -> QuerySet[VerificationAttempt]:
    """Return the attempts among the next `rows` rows, the nearest first."""
    attempts = VerificationAttempt.objects.filter(id__range=(attempt.pk + 1, attempt.pk + rows))
    return attempts.select_related("account").order_by("id")


# --- From the same source


def find_neighbours(attempt: VerificationAttempt, explanation: Explanation) -> list[Neighbour]:
    """Return attempts from the same source around this one, and the one that solved the problem.

    The attempt itself is among them. If there is no other, the list is empty.
    """
    solution = find_solution(attempt, explanation)
    others = {other.pk: other for other in [*from_same_source(attempt), solution] if other}
    if not others:
        return []
    stored, rows = StoredData(), sorted([*others.values(), attempt], key=lambda row: row.pk)
    return [
        Neighbour(
            time=time_beside(row, attempt),
            sign=sign(row),
            text=describe_neighbour(row, attempt, stored),
            url=detail_url(row),
            is_this=row == attempt,
            is_solution=row == solution,
        )
        for row in rows
    ]


def from_same_source(attempt: VerificationAttempt) -> list[VerificationAttempt]:
    if not attempt.client_ip:
        return []
    sides = before(attempt, NEAR_ROWS), after(attempt, NEAR_ROWS)
    return [
        row for rows in sides for row in rows.filter(client_ip=attempt.client_ip)[:MAX_NEIGHBOURS]
    ]


def find_solution(
    attempt: VerificationAttempt, explanation: Explanation
) -> VerificationAttempt | None:
    """Return the account's next accepted verification, from any of WeChat's addresses."""
    account = attempt.account or next(iter(explanation.accounts), None)
    is_trouble = attempt.outcome == Outcome.REFUSED and not explanation.is_harmless
    if account is None or not is_trouble:
        return None
    passed = after(attempt, FAR_ROWS).filter(account=account, outcome=Outcome.ACCEPTED)
    return passed.filter(kind=Kind.URL_VERIFICATION).first()


def time_beside(row: VerificationAttempt, attempt: VerificationAttempt) -> str:
    """Return the time of `row`, with its date if that is not the date of `attempt`."""
    time, reference = timezone.localtime(row.recorded_at), timezone.localtime(attempt.recorded_at)
    is_same_day = time.date() == reference.date()
    return time.strftime("%H:%M:%S" if is_same_day else "%Y-%m-%d %H:%M:%S")


def describe_neighbour(
    row: VerificationAttempt, attempt: VerificationAttempt, stored: StoredData
) -> str:
    """Return the cause of `row`, and its account and source where `attempt` has other ones."""
    parts = [cause(row, stored)]
    if row.account and row.account_id != attempt.account_id:
        parts.append(str(row.account))
    if row.client_ip and row.client_ip != attempt.client_ip:
        parts.append(row.client_ip)
    return " · ".join(parts)
