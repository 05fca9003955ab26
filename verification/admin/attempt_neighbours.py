"""The attempts around one: of the same account, from the same source, and the one that passed."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from verification.admin.account_records import cause, sign
from verification.diagnosis import Explanation, Known
from verification.models import VerificationAttempt
from verification.protocol.words import Kind, Outcome

#: Rows looked at on each side: neither source nor signature has an index, but ids are gapless.
NEAR = 10_000
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
    found = (own.filter(id__lt=attempt.pk).order_by("-id").first() for own in by_outcome(attempt))
    return max(filter(None, found), key=lambda other: other.pk, default=None)


def find_later(attempt: VerificationAttempt) -> VerificationAttempt | None:
    found = (own.filter(id__gt=attempt.pk).order_by("id").first() for own in by_outcome(attempt))
    return min(filter(None, found), key=lambda other: other.pk, default=None)


def by_outcome(attempt: VerificationAttempt) -> list[QuerySet[VerificationAttempt]]:
    """One query each, because the index has the outcome between the account and the id."""
    own = VerificationAttempt.objects.filter(account=attempt.account_id)
    return [own.filter(outcome=outcome) for outcome in Outcome]


# --- From the same source


def around(attempt: VerificationAttempt, explanation: Explanation) -> list[Neighbour]:
    """A few before and after, and what solved it; nothing when it stands alone."""
    solution = find_solution(attempt, explanation)
    others = {other.pk: other for other in [*from_same_source(attempt), solution] if other}
    if not others:
        return []
    known, rows = Known(), sorted([*others.values(), attempt], key=lambda row: row.pk)
    return [
        Neighbour(
            time=time_beside(row, attempt),
            sign=sign(row),
            text=describe(row, attempt, known),
            url=detail_url(row),
            is_this=row == attempt,
            is_solution=row == solution,
        )
        for row in rows
    ]


def from_same_source(attempt: VerificationAttempt) -> list[VerificationAttempt]:
    if not attempt.client_ip:
        return []
    same = VerificationAttempt.objects.filter(client_ip=attempt.client_ip).select_related("account")
    before = same.filter(id__range=(attempt.pk - NEAR, attempt.pk - 1)).order_by("-id")
    after = same.filter(id__range=(attempt.pk + 1, attempt.pk + NEAR)).order_by("id")
    return [*before[:SHOWN], *after[:SHOWN]]


def find_solution(
    attempt: VerificationAttempt, explanation: Explanation
) -> VerificationAttempt | None:
    """The next verification that passed, from whichever of WeChat's addresses."""
    account = attempt.account or next(iter(explanation.accounts), None)
    is_trouble = attempt.outcome == Outcome.REFUSED and not explanation.is_harmless
    if account is None or not is_trouble:
        return None
    passed = VerificationAttempt.objects.filter(account=account, outcome=Outcome.ACCEPTED)
    later = passed.filter(id__gt=attempt.pk, kind=Kind.URL_VERIFICATION).order_by("id")
    return later.select_related("account").first()


def time_beside(row: VerificationAttempt, attempt: VerificationAttempt) -> str:
    """The date only where it is another one."""
    local, day = (timezone.localtime(it.recorded_at) for it in (row, attempt))
    pattern = "%H:%M:%S" if local.date() == day.date() else "%Y-%m-%d %H:%M:%S"
    return local.strftime(pattern)


def describe(row: VerificationAttempt, attempt: VerificationAttempt, known: Known) -> str:
    """Its cause, and what else is different: another account, another source."""
    parts = [cause(row, known)]
    if row.account and row.account_id != attempt.account_id:
        parts.append(str(row.account))
    if row.client_ip and row.client_ip != attempt.client_ip:
        parts.append(row.client_ip)
    return " · ".join(parts)
