"""What is on record of each account, read in as many queries for one account as for hundreds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import reduce
from itertools import pairwise
from operator import or_
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce

from verification.attempts.index import ALL_IDS, AttemptIndex
from verification.audit_log.positions import first_id_since
from verification.diagnosis import Explanation, Known, explain
from verification.models import (
    ChangeEvent,
    OfficialAccount,
    Tally,
    Token,
    VerificationAttempt,
)
from verification.protocol.enums import Kind, Outcome, Reason

WEEK = timedelta(days=7)
#: An account that was pushed to in this many hours of a week is missed when it falls silent.
BUSY_HOURS = 24
#: Refusals looked at of each account: strays must not hide the one whose cause is known.
LOOKED_AT = 3
MOST_COUNTED = 1_000

IS_ACCEPTED = Q(outcome=Outcome.ACCEPTED)
IS_PUSH = Q(kind=Kind.MESSAGE_PUSH)
IS_VERIFICATION = Q(kind=Kind.URL_VERIFICATION)
#: A bot that opens the address without parameters is no trouble of the account's.
SERIOUS = [Reason.SIGNATURE_MISMATCH, Reason.NO_TOKEN]
IS_SERIOUS = Q(reason=None) | Q(reason__in=SERIOUS)


@dataclass(frozen=True)
class Refusal:
    attempt: VerificationAttempt
    explanation: Explanation

    @property
    def is_unknown(self) -> bool:
        """Nothing of ours fits: a typing error, or anyone who found the address."""
        return self.explanation.cause == "token_unknown"


@dataclass
class Facts:
    """What was read about one account; times are aware."""

    tokens: list[Token] = field(default_factory=list)
    last_push: datetime | None = None
    last_verified: datetime | None = None
    push_hours: list[datetime] = field(default_factory=list)  #: of the week before last_push
    refusals: list[Refusal] = field(default_factory=list)  #: since last_accepted, latest first
    refused_in_24_h: int = 0
    paused: ChangeEvent | None = None

    @property
    def current_token(self) -> Token | None:
        return next((token for token in self.tokens if token.is_current), None)

    @property
    def last_accepted(self) -> datetime | None:
        return max(filter(None, [self.last_push, self.last_verified]), default=None)

    @property
    def refusal(self) -> Refusal | None:
        """The last one that says what is wrong, or else the last one."""
        known = (refusal for refusal in self.refusals if not refusal.is_unknown)
        return next(known, next(iter(self.refusals), None))

    def is_silent(self, now: datetime) -> bool:
        """For longer than twice its longest pause of the week, and at least an hour."""
        if self.last_push is None or len(self.push_hours) < BUSY_HOURS:
            return False
        longest = max(later - earlier for earlier, later in pairwise(self.push_hours))
        return now - self.last_push > max(2 * longest, timedelta(hours=1))


def read_facts(accounts: Iterable[OfficialAccount], now: datetime) -> dict[int, Facts]:
    facts = {account.pk: Facts() for account in accounts}
    _read_tokens(facts)
    _read_last_times(facts)
    _read_push_hours(facts, now)
    _read_refusals(facts)
    _count_refused(facts, now)
    _read_pauses(facts)
    return facts


def _read_tokens(facts: dict[int, Facts]) -> None:
    for token in Token.objects.filter(account__in=facts):
        facts[token.account_id].tokens.append(token)


def _read_last_times(facts: dict[int, Facts]) -> None:
    accounts = OfficialAccount.objects.filter(pk__in=facts).order_by()
    last = [Subquery(last_accepted(it)) for it in (Kind.MESSAGE_PUSH, Kind.URL_VERIFICATION)]
    for pk, last_push, last_verified in accounts.values_list("pk", *last):
        facts[pk].last_push, facts[pk].last_verified = last_push, last_verified


def last_accepted(kind: Kind) -> QuerySet[Tally, Any]:
    """Its time, by the index that keeps tallies unique: of an account, with the hours in order.

    Were the kind one, not a range of one, PostgreSQL would take the index of hours, in which it
    goes through all there are for an account that was never called.
    """
    tallies = Tally.objects.alias(of=Coalesce("account", 0)).filter(IS_ACCEPTED, of=OuterRef("pk"))
    only = tallies.filter(kind__range=(kind, kind))
    return only.order_by("-kind", "-outcome", "-hour").values("last_at")[:1]


def _read_push_hours(facts: dict[int, Facts], now: datetime) -> None:
    """Only of accounts that may have fallen silent, each of the week that ends at its last push."""
    by_day = defaultdict(list)
    for account_id, own in facts.items():
        if own.last_push and now - own.last_push > timedelta(hours=1):
            by_day[(own.last_push - WEEK).astimezone(UTC).date()].append(account_id)
    if not by_day:
        return
    in_week = (
        Q(account__in=ids, hour__gte=(start := datetime.combine(day, time(), UTC)))
        & Q(hour__lt=start + WEEK + timedelta(days=1))
        for day, ids in by_day.items()
    )
    pushes = Tally.objects.filter(IS_ACCEPTED & IS_PUSH, reduce(or_, in_week)).order_by("hour")
    for account_id, hour in pushes.values_list("account_id", "hour"):
        own = facts[account_id or 0]
        if own.last_push and hour > own.last_push - WEEK:
            own.push_hours.append(hour)


# --- Refusals


def _read_refusals(facts: dict[int, Facts]) -> None:
    """A verification or a message push that was accepted since has solved what was before it."""
    known = Known()
    for attempt in _last_refusals(facts):
        own = facts[attempt.account_id or 0]
        is_open = own.last_accepted is None or own.last_accepted < attempt.recorded_at
        if is_open and len(own.refusals) < LOOKED_AT:
            own.refusals.append(Refusal(attempt, explain(attempt, known)))


def _last_refusals(account_ids: Iterable[int]) -> QuerySet[VerificationAttempt]:
    # Paused accounts are not asked: nothing but their pushes is refused, thousands a day.
    asked = OfficialAccount.objects.filter(pk__in=account_ids, is_paused=False).order_by()
    ids = serious_refusals(asked.values_list("id", flat=True)).newest(LOOKED_AT)
    return VerificationAttempt.objects.filter(pk__in=ids).select_related("account").order_by("-id")


def serious_refusals(account_ids: Iterable[int]) -> AttemptIndex:
    """Of WeChat's, as far as anyone can tell."""
    return AttemptIndex([*account_ids], [Kind.URL_VERIFICATION, Kind.MESSAGE_PUSH], SERIOUS)


def count_refused(account: OfficialAccount, *, after: datetime) -> int:
    """Of the newest; beyond so many it makes no difference."""
    since = range(first_id_since(after), ALL_IDS.stop)
    ids = serious_refusals([account.pk]).newest(MOST_COUNTED, since)
    refused = VerificationAttempt.objects.filter(pk__in=ids, recorded_at__gt=after)
    return refused.aggregate(count=Sum("occurrences"))["count"] or 0


def refused_since(now: datetime) -> datetime:
    """Where the last 24 hours begin: with a full hour, so that the list and its link agree."""
    return (now - timedelta(hours=24)).replace(minute=0, second=0, microsecond=0)


def _count_refused(facts: dict[int, Facts], now: datetime) -> None:
    """Without our own tests, and without browsers and bots."""
    refused = Tally.objects.filter(
        account__in=facts, outcome=Outcome.REFUSED, hour__gte=refused_since(now)
    )
    counts = refused.exclude(kind=Kind.SELF_TEST).order_by().values_list("account_id")
    for account_id, count in counts.annotate(number=Sum(F("count") - F("noise"))):
        facts[account_id or 0].refused_in_24_h = count


def _read_pauses(facts: dict[int, Facts]) -> None:
    events = ChangeEvent.objects.filter(
        account__in=facts, action=ChangeEvent.Action.ACCOUNT_PAUSED
    ).order_by("id")
    for event in events:
        facts[event.account_id or 0].paused = event
