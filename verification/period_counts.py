"""What a period comes to: URL verifications by account and outcome, and the rest in sums."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Q, Sum

from verification.models import Tally
from verification.periods import Period
from verification.protocol.words import Kind, Outcome


@dataclass(frozen=True)
class AccountCount:
    account_id: int | None  #: None: no account has that path
    name: str
    slug: str
    accepted: int
    refused: int


@dataclass(frozen=True)
class PeriodCounts:
    accounts: list[AccountCount]
    pushes: int
    self_tests: int

    @property
    def accepted(self) -> int:
        return sum(count.accepted for count in self.accounts)

    @property
    def refused(self) -> int:
        return sum(count.refused for count in self.accounts)


def count_period(period: Period) -> PeriodCounts:
    """From tallies, which are by the hour of UTC: an hour belongs to the day it begins in."""
    tallies = Tally.objects.filter(hour__gte=period.start, hour__lt=period.end)
    kinds = dict(tallies.order_by().values_list("kind").annotate(Sum("count")))
    verifications = tallies.filter(kind=Kind.URL_VERIFICATION).order_by()
    rows = verifications.values_list("account_id", "account__name", "account__slug").annotate(
        accepted=_sum_of(Outcome.ACCEPTED), refused=_sum_of(Outcome.REFUSED)
    )
    accounts = [AccountCount(pk, name or "", slug or "", *sums) for pk, name, slug, *sums in rows]
    return PeriodCounts(
        accounts=_by_name(accounts),
        pushes=int(kinds.get(Kind.MESSAGE_PUSH, 0)),
        self_tests=int(kinds.get(Kind.SELF_TEST, 0)),
    )


def _sum_of(outcome: Outcome) -> Sum:
    return Sum("count", filter=Q(outcome=outcome), default=0)


def _by_name(counts: Iterable[AccountCount]) -> list[AccountCount]:
    """The paths that no account has come last."""
    return sorted(counts, key=lambda count: (count.account_id is None, count.name, count.slug))
