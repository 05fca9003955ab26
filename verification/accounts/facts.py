"""Reads what is recorded about accounts, in a constant number of queries."""

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

from verification.accounts.refusals import (
    OpenRefusals,
    Refusal,
    read_open_refusals,
    refused_since,
)
from verification.accounts.strays import Stray, read_lost_queries, read_strays
from verification.diagnosis import StoredData
from verification.models import (
    AESKey,
    Backend,
    ChangeEvent,
    OfficialAccount,
    Tally,
    Token,
)
from verification.models.account import current_token_of
from verification.protocol.enums import Kind, Outcome
from verification.relay.report import (
    HOUR,
    Backlog,
    Period,
    is_worker_missing,
    read_backlogs,
    read_periods,
)

#: The period before the last push in which the longest pause counts as usual.
PUSH_HISTORY = timedelta(days=7)
#: An account can fall silent only if at least this many hours of PUSH_HISTORY have pushes.
MIN_PUSH_HOURS = 24

IS_ACCEPTED = Q(outcome=Outcome.ACCEPTED)
IS_PUSH = Q(kind=Kind.MESSAGE_PUSH)
IS_VERIFICATION = Q(kind=Kind.URL_VERIFICATION)


@dataclass
class Facts:
    """Holds what was read about one account. Times are aware."""

    account: OfficialAccount = field(default_factory=OfficialAccount)
    tokens: list[Token] = field(default_factory=list)
    last_push: datetime | None = None
    last_verified: datetime | None = None
    #: The hours with pushes, within PUSH_HISTORY before last_push.
    push_hours: list[datetime] = field(default_factory=list)
    #: Other accounts for which a live token of this one is valid as well.
    sharers: list[OfficialAccount] = field(default_factory=list)
    #: The refusals since last_accepted.
    refusals: OpenRefusals = field(default_factory=OpenRefusals)
    #: The newest call to a wrong address since last_accepted.
    stray: Stray | None = None
    #: The newest call without its query string since last_accepted.
    lost_query: Stray | None = None
    refused_in_24_h: int = 0
    paused: ChangeEvent | None = None
    backend: Backend | None = None
    backlog: Backlog = field(default_factory=Backlog)
    #: Messages wait, and no worker delivers them.
    is_worker_missing: bool = False
    #: The deliveries of the last hour.
    deliveries: Period = field(default_factory=Period)
    #: The names of live secrets, other than tokens, that no key of TOKEN_ENCRYPTION_KEYS decrypts.
    lost_secrets: list[Any] = field(default_factory=list)
    #: It has a current EncodingAESKey.
    has_key: bool = False
    #: What comes is encrypted with another EncodingAESKey than the current one. Messages pass
    #: nonetheless, except those of WeCom.
    has_unfit_key: bool = False

    @property
    def current_token(self) -> Token | None:
        return current_token_of(self.tokens)

    def undecryptable_token(self, now: datetime) -> Token | None:
        """Return a live token that no key of TOKEN_ENCRYPTION_KEYS decrypts, the newest first."""
        live = (token for token in self.tokens if token.is_live_at(now))
        return next((token for token in live if not token.is_decryptable), None)

    @property
    def last_accepted(self) -> datetime | None:
        return max(filter(None, [self.last_push, self.last_verified]), default=None)

    @property
    def refusal(self) -> Refusal | None:
        return self.refusals.most_telling

    def is_silent(self, now: datetime) -> bool:
        """Return whether pushes have stopped.

        That is so after more than twice the longest pause in PUSH_HISTORY, and at least an hour.
        Accounts with few pushes never count as silent.
        """
        if self.last_push is None or len(self.push_hours) < MIN_PUSH_HOURS:
            return False
        longest = max(later - earlier for earlier, later in pairwise(self.push_hours))
        return now - self.last_push > max(2 * longest, timedelta(hours=1))


def read_facts(accounts: Iterable[OfficialAccount], now: datetime) -> dict[int, Facts]:
    """Return the facts of each account by its id."""
    facts = {account.pk: Facts(account) for account in accounts}
    stored = StoredData()
    _read_tokens(facts, stored, now)
    _read_aes_keys(facts, now)
    _read_last_times(facts)
    _read_push_hours(facts, now)
    _read_refusals(facts, stored, now)
    _count_refused(facts, now)
    _read_pauses(facts)
    _read_backends(facts, now)
    return facts


def _read_tokens(facts: dict[int, Facts], stored: StoredData, now: datetime) -> None:
    """Read the tokens, and which accounts share one.

    Texts are compared: after a key rotation, the same token has another fingerprint.
    """
    for token in stored.tokens.values():
        if token.account_id in facts:
            facts[token.account_id].tokens.append(token)
    holders: defaultdict[str, dict[int, OfficialAccount]] = defaultdict(dict)
    for token, text in stored.secrets:
        if token.is_live_at(now):
            holders[text][token.account_id] = token.account
    for sharers in filter(lambda some: len(some) > 1, holders.values()):
        for account_id in sharers.keys() & facts.keys():
            facts[account_id].sharers += [
                account for pk, account in sharers.items() if pk != account_id
            ]


def _read_aes_keys(facts: dict[int, Facts], now: datetime) -> None:
    keys = [*AESKey.objects.live_at(now).filter(account__in=facts)]
    # In a rotation, the console may still have the previous key, which decrypts.
    fitting = {key.account_id for key in keys if key.first_used_at}
    for key in keys:
        facts[key.account_id].has_key |= key.is_current
        if not key.is_decryptable:
            facts[key.account_id].lost_secrets.append(AESKey._meta.verbose_name)
        if key.is_current and key.failed_at and key.account_id not in fitting:
            facts[key.account_id].has_unfit_key = True


def _read_last_times(facts: dict[int, Facts]) -> None:
    accounts = OfficialAccount.objects.filter(pk__in=facts).order_by()
    last = [Subquery(last_accepted(kind)) for kind in (Kind.MESSAGE_PUSH, Kind.URL_VERIFICATION)]
    for pk, last_push, last_verified in accounts.values_list("pk", *last):
        facts[pk].last_push, facts[pk].last_verified = last_push, last_verified


def last_accepted(kind: Kind) -> QuerySet[Tally, Any]:
    """Return a subquery for the time of the account's last accepted call of this kind.

    It uses the index that keeps tallies unique, which has an account's hours in order. The kind is
    given as a range of one: with an equality, PostgreSQL uses the index of hours instead, and reads
    all of it for an account that was never called.
    """
    tallies = Tally.objects.alias(of=Coalesce("account", 0)).filter(IS_ACCEPTED, of=OuterRef("pk"))
    of_kind = tallies.filter(kind__range=(kind, kind))
    return of_kind.order_by("-kind", "-outcome", "-hour").values("last_at")[:1]


def _read_push_hours(facts: dict[int, Facts], now: datetime) -> None:
    """Read the push hours of accounts that may have fallen silent.

    Each account's history ends at its own last push. Accounts whose histories begin on the same day
    share one condition of the query.
    """
    by_first_day = defaultdict(list)
    for account_id, account_facts in facts.items():
        last_push = account_facts.last_push
        if last_push and now - last_push > timedelta(hours=1):
            by_first_day[(last_push - PUSH_HISTORY).astimezone(UTC).date()].append(account_id)
    if not by_first_day:
        return
    histories = (
        Q(account__in=ids, hour__gte=(start := datetime.combine(day, time(), UTC)))
        & Q(hour__lt=start + PUSH_HISTORY + timedelta(days=1))
        for day, ids in by_first_day.items()
    )
    pushes = Tally.objects.filter(IS_ACCEPTED & IS_PUSH, reduce(or_, histories)).order_by("hour")
    for account_id, hour in pushes.values_list("account_id", "hour"):
        account_facts = facts[account_id or 0]
        if account_facts.last_push and hour > account_facts.last_push - PUSH_HISTORY:
            account_facts.push_hours.append(hour)


# --- Refusals


def _read_refusals(facts: dict[int, Facts], stored: StoredData, now: datetime) -> None:
    last_accepted = {pk: account_facts.last_accepted for pk, account_facts in facts.items()}
    for account_id, refusals in read_open_refusals(last_accepted, stored, now).items():
        facts[account_id].refusals = refusals
    for account_id, stray in read_strays(last_accepted, stored, now).items():
        facts[account_id].stray = stray
    for account_id, stray in read_lost_queries(last_accepted, stored, now).items():
        facts[account_id].lost_query = stray


def _count_refused(facts: dict[int, Facts], now: datetime) -> None:
    """Count refusals of the last 24 hours without self-tests, browsers and bots."""
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


# --- The relay


def _read_backends(facts: dict[int, Facts], now: datetime) -> None:
    for backend in Backend.objects.filter(account__in=facts):
        facts[backend.account_id].backend = backend
        if backend.secret is None or not backend.secret.is_decryptable:
            name = Backend._meta.get_field("secret").verbose_name
            facts[backend.account_id].lost_secrets.append(name)
    no_worker = is_worker_missing(now)
    for account_id, backlog in read_backlogs(facts).items():
        facts[account_id].backlog = backlog
        facts[account_id].is_worker_missing = no_worker and backlog.waiting > 0
    for account_id, deliveries in read_periods(facts, now, HOUR).items():
        facts[account_id].deliveries = deliveries
