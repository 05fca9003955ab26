"""Counts the attempts of a period from the tallies: by account and outcome, and what lists omit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from django.db.models import F, Sum

from verification.models import OfficialAccount, Tally
from verification.protocol.enums import Kind, Outcome
from verification.times import Period, Span


@dataclass(frozen=True)
class AccountCount:
    """Counts the URL verifications of one account, without internet noise."""

    account_id: int | None  #: None for paths that belong to no account
    name: str
    slug: str
    accepted: int
    refused: int


@dataclass
class PeriodCounts:
    """Counts URL verifications without internet noise by account, and adds up everything else."""

    period: Period | Span
    verifications: Counter[tuple[int | None, Outcome]] = field(default_factory=Counter)
    pushes: int = 0
    self_tests: int = 0
    noise: int = 0

    @property
    def total(self) -> int:
        return self.verifications.total()

    @property
    def accepted(self) -> int:
        return sum(
            count
            for (_account_id, outcome), count in self.verifications.items()
            if outcome is Outcome.ACCEPTED
        )

    @property
    def refused(self) -> int:
        return self.total - self.accepted

    def by_account(self) -> list[AccountCount]:
        """Return the accounts that were called, by name. Paths without an account come last."""
        ids = {account_id for account_id, _outcome in self.verifications}
        accounts = OfficialAccount.objects.in_bulk([pk for pk in ids if pk is not None])
        counts = []
        for pk in ids:
            account = accounts.get(pk) if pk else None
            name, slug = (account.name, account.slug) if account else ("", "")
            accepted = self.verifications[pk, Outcome.ACCEPTED]
            refused = self.verifications[pk, Outcome.REFUSED]
            counts.append(AccountCount(pk, name, slug, accepted, refused))
        return sorted(counts, key=lambda count: (count.account_id is None, count.name, count.slug))


def count_period(period: Period | Span, account: int | None = None) -> PeriodCounts:
    """Return the counts of a period, of all accounts or of one (0: paths of no account)."""
    counts = PeriodCounts(period)
    tallies = Tally.objects.filter(hour__gte=period.start, hour__lt=period.end).order_by()
    if account is not None:
        tallies = tallies.filter(account=account or None)
    # Without .iterator(): for a cursor, PostgreSQL would choose a plan four times as slow.
    sums = tallies.values_list("account_id", "kind", "outcome").annotate(
        number=Sum(F("count") - F("noise")), left_out=Sum("noise")
    )
    for account_id, kind, outcome, number, noise in sums:
        counts.noise += int(noise)
        if kind == Kind.MESSAGE_PUSH:
            counts.pushes += int(number)
        elif kind == Kind.SELF_TEST:
            counts.self_tests += int(number)
        elif number:
            counts.verifications[account_id, Outcome(outcome)] += int(number)
    return counts
