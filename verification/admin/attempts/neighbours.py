"""The attempts around one: of the same account, from the same source, and the one that passed."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from verification.admin.accounts.records import cause, sign
from verification.diagnosis import Explanation, StoredData
from verification.models import VerificationAttempt
from verification.protocol.enums import Kind, Outcome

#: Rows looked at on each side: sources have no index, and where there is nothing more to find the
#: planner walks to the end of the log. Ids are gapless, so a range of them has an end.
NEAR, FAR = 10_000, 100_000
SHOWN = 3


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
    return before(attempt, FAR).filter(account=attempt.account_id).first()


def find_later(attempt: VerificationAttempt) -> VerificationAttempt | None:
    return after(attempt, FAR).filter(account=attempt.account_id).first()


def before(attempt: VerificationAttempt, rows: int) -> QuerySet[VerificationAttempt]:
    """The nearest first."""
    found = VerificationAttempt.objects.filter(id__range=(attempt.pk - rows, attempt.pk - 1))
    return found.select_related("account").order_by("-id")


def after(attempt: VerificationAttempt, rows: int) -> QuerySet[VerificationAttempt]:
    """The nearest first."""
    found = VerificationAttempt.objects.filter(id__range=(attempt.pk + 1, attempt.pk + rows))
    return found.select_related("account").order_by("id")


# --- From the same source


def around(attempt: VerificationAttempt, explanation: Explanation) -> list[Neighbour]:
    """A few before and after, and what solved it; nothing when it stands alone."""
    solution = find_solution(attempt, explanation)
    others = {other.pk: other for other in [*from_same_source(attempt), solution] if other}
    if not others:
        return []
    stored, rows = StoredData(), sorted([*others.values(), attempt], key=lambda row: row.pk)
    return [
        Neighbour(
            time=time_beside(row, attempt),
            sign=sign(row),
            text=describe(row, attempt, stored),
            url=detail_url(row),
            is_this=row == attempt,
            is_solution=row == solution,
        )
        for row in rows
    ]


def from_same_source(attempt: VerificationAttempt) -> list[VerificationAttempt]:
    if not attempt.client_ip:
        return []
    same = (side(attempt, NEAR).filter(client_ip=attempt.client_ip) for side in (before, after))
    return [row for rows in same for row in rows[:SHOWN]]


def find_solution(
    attempt: VerificationAttempt, explanation: Explanation
) -> VerificationAttempt | None:
    """The next verification that passed, from whichever of WeChat's addresses."""
    account = attempt.account or next(iter(explanation.accounts), None)
    is_trouble = attempt.outcome == Outcome.REFUSED and not explanation.is_harmless
    if account is None or not is_trouble:
        return None
    passed = after(attempt, FAR).filter(account=account, outcome=Outcome.ACCEPTED)
    return passed.filter(kind=Kind.URL_VERIFICATION).first()


def time_beside(row: VerificationAttempt, attempt: VerificationAttempt) -> str:
    """The date only where it is another one."""
    local, day = (timezone.localtime(it.recorded_at) for it in (row, attempt))
    pattern = "%H:%M:%S" if local.date() == day.date() else "%Y-%m-%d %H:%M:%S"
    return local.strftime(pattern)


def describe(row: VerificationAttempt, attempt: VerificationAttempt, stored: StoredData) -> str:
    """Its cause, and what else is different: another account, another source."""
    parts = [cause(row, stored)]
    if row.account and row.account_id != attempt.account_id:
        parts.append(str(row.account))
    if row.client_ip and row.client_ip != attempt.client_ip:
        parts.append(row.client_ip)
    return " · ".join(parts)
