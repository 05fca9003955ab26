"""Reads the data that conditions examine, once for all: the log since the last snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from django.db.models import Max, Q, QuerySet

from verification.accounts.facts import Facts, read_facts
from verification.accounts.problems import Finder, find_problems, problem_of
from verification.accounts.problems.problem import Problem
from verification.accounts.refusals import refused_since
from verification.audit_log.head_check import HeadCheck
from verification.audit_log.positions import first_id_since
from verification.models import Alert, OfficialAccount, VerificationAttempt
from verification.models.noise import NOISE
from verification.protocol.enums import Kind, Outcome, Reason

#: The first snapshot covers this time. The alert of a refusal ends this long after the last one.
DAY = timedelta(days=1)
#: In a flood, the exact number of refusals beyond this does not matter.
MAX_REFUSALS = 1000

#: Refusals of a paused account are intended, so they are left out. A missing key is one problem of
#: the server, which key_missing() reports, and not one of each account.
REASONS_WITHOUT_ALERT = [Reason.PAUSED_ACCOUNT, Reason.UNDECRYPTABLE_TOKEN]
ALERTABLE = (
    ~NOISE
    & ~Q(kind=Kind.SELF_TEST)
    & ~Q(reason__in=REASONS_WITHOUT_ALERT)
    & Q(outcome=Outcome.REFUSED)
)


@dataclass
class Snapshot:
    """Holds what the conditions of one round examine. Times are aware."""

    now: datetime
    began_at: datetime  #: when the first snapshot was made
    after_id: int  #: attempts up to this id were in earlier snapshots
    head: HeadCheck

    @cached_property
    def accounts(self) -> list[OfficialAccount]:
        return list(OfficialAccount.objects.all())

    @cached_property
    def facts(self) -> dict[int, Facts]:
        return read_facts(self.accounts, self.now)

    def problem(self, account: OfficialAccount, finder: Finder) -> Problem | None:
        """Return the problem that this function found, as every page shows it, or None.

        A paused account has problems as well: what was stored before still waits.
        """
        return problem_of(finder, self._problems[account.pk])

    @cached_property
    def _problems(self) -> dict[int, list[Problem]]:
        return {pk: find_problems(facts, self.now) for pk, facts in self.facts.items()}

    @cached_property
    def open_alerts(self) -> dict[str, Alert]:
        return {alert.key: alert for alert in Alert.objects.filter(is_over=False)}

    @cached_property
    def new_refusals(self) -> dict[int | None, datetime]:
        """The time of each account's last refusal since the previous snapshot."""
        rows = self.refusals().filter(id__gt=self.after_id, account__isnull=False)
        by_account = rows.order_by().values_list("account_id")
        return dict(by_account.annotate(Max("recorded_at")))

    @cached_property
    def last_key_refusal_at(self) -> datetime | None:
        """The time of the last refusal since the previous snapshot because of a missing key."""
        rows = VerificationAttempt.objects.filter(
            ~NOISE,
            id__gt=max(self.after_id, self.last_id_before_day),
            id__lte=self.head.last_attempt_id,
            reason=Reason.UNDECRYPTABLE_TOKEN,
        )
        last: datetime | None = rows.aggregate(last=Max("recorded_at"))["last"]
        return last

    def refusals(self) -> QuerySet[VerificationAttempt]:
        """Return the refusals of the last day. Ids limit the search: there is no index of time."""
        return VerificationAttempt.objects.filter(
            ALERTABLE,
            id__gt=self.last_id_before_day,
            id__lte=self.head.last_attempt_id,
            recorded_at__gt=self.now - DAY,
        )

    @cached_property
    def last_id_before_day(self) -> int:
        return first_id_since(refused_since(self.now)) - 1

    def newest_refusals(self, account: OfficialAccount) -> Iterator[tuple[int, datetime, int]]:
        """Return id, time and occurrences of the newest MAX_REFUSALS refusals, oldest first."""
        rows = self.refusals().filter(account=account).order_by("-id")
        values = rows.values_list("id", "recorded_at", "occurrences")[:MAX_REFUSALS]
        return reversed(list(values))

    def first_used_at(self, account: OfficialAccount) -> datetime | None:
        """Return when this account first accepted a call of WeChat's, or None."""
        uses = (token.first_used_at for token in self.facts[account.pk].tokens)
        return min(filter(None, uses), default=None)
