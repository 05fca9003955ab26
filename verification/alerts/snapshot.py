"""What conditions look at: the log since the last snapshot, read once for all of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import Max, Q, QuerySet

from verification.accounts.facts import Facts, read_facts, refused_since
from verification.audit_log.head_check import HeadCheck
from verification.audit_log.positions import first_id_since
from verification.models import Alert, OfficialAccount, VerificationAttempt
from verification.models.noise import NOISE
from verification.protocol.enums import Kind, Outcome, Reason

#: The first look of all goes back so far, and what nothing followed is forgotten after it.
DAY = timedelta(days=1)
#: In a flood nobody needs to know how many more there were.
MOST_REFUSALS = 1000

#: Whoever paused an account wants its requests refused.
WORTH_TELLING = (
    ~NOISE & ~Q(kind=Kind.SELF_TEST) & ~Q(reason=Reason.PAUSED_ACCOUNT) & Q(outcome=Outcome.REFUSED)
)


@dataclass
class Snapshot:
    now: datetime
    began_at: datetime  #: of the first look of all
    after_id: int  #: attempts up to this one were looked at before
    head: HeadCheck

    @cached_property
    def accounts(self) -> list[OfficialAccount]:
        return list(OfficialAccount.objects.all())

    @cached_property
    def facts(self) -> dict[int, Facts]:
        return read_facts(self.accounts, self.now)

    @cached_property
    def open_alerts(self) -> dict[str, Alert]:
        return {alert.key: alert for alert in Alert.objects.filter(is_over=False)}

    @cached_property
    def new_refusals(self) -> dict[int | None, datetime]:
        """By account, when the last one since the last look came."""
        rows = self.refusals().filter(id__gt=self.after_id, account__isnull=False)
        found = rows.order_by().values_list("account_id")
        return dict(found.annotate(Max("recorded_at")))

    def first_refusal_since(
        self, moment: datetime, account: OfficialAccount
    ) -> VerificationAttempt | None:
        """Of those since the last snapshot."""
        rows = self.refusals().filter(id__gt=self.after_id, account=account)
        later = rows.filter(recorded_at__gte=moment).select_related("account")
        return later.order_by("id").first()

    def refusals(self) -> QuerySet[VerificationAttempt]:
        """Of a day, found by number: there is no index by time."""
        return VerificationAttempt.objects.filter(
            WORTH_TELLING,
            id__gt=self.before_a_day,
            id__lte=self.head.last_attempt_id,
            recorded_at__gt=self.now - DAY,
        )

    @cached_property
    def before_a_day(self) -> int:
        return first_id_since(refused_since(self.now)) - 1

    def refusals_of(self, account: OfficialAccount) -> Iterator[tuple[int, datetime, int]]:
        """Id, time and occurrences of its newest ones, oldest first."""
        rows = self.refusals().filter(account=account).order_by("-id")
        values = rows.values_list("id", "recorded_at", "occurrences")[:MOST_REFUSALS]
        return reversed(list(values))

    def first_used_at(self, account: OfficialAccount) -> datetime | None:
        """When WeChat was answered for the first time."""
        uses = (token.first_used_at for token in self.facts[account.pk].tokens)
        return min(filter(None, uses), default=None)
