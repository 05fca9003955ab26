"""How each account is doing, in words: what needs a person first, then what is well.

Reads tallies and the last attempts in a constant number of queries, however many accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import groupby, pairwise

from django.db.models import Max, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from verification.diagnosis import Explanation, Known, explain
from verification.models import ChangeEvent, OfficialAccount, Tally, Token, VerificationAttempt
from verification.moments import day, in_short
from verification.protocol.words import Kind, Outcome, Reason

#: An account that was pushed to in this many hours of a week is missed when it falls silent.
BUSY_HOURS = 24
WEEK = timedelta(days=7)


class Level(IntEnum):
    """In the order of the list: trouble first."""

    ATTENTION = 1
    RECEIVING = 2
    VERIFIED = 3
    WAITING = 4
    PAUSED = 5


@dataclass
class AccountStatus:
    """What the list shows of one account; times are aware."""

    level: Level = Level.WAITING
    text: str = ""
    refusal: Explanation | None = None  #: of the last verification, unless one passed since
    refusal_id: int | None = None
    refused_at: datetime | None = None
    last_push: datetime | None = None
    last_verified: datetime | None = None
    refused_in_24_h: int = 0


@dataclass
class Facts:
    """What was read about one account."""

    tokens: list[Token] = field(default_factory=list)
    push_hours: list[datetime] = field(default_factory=list)
    paused: ChangeEvent | None = None


def read_statuses(accounts: Sequence[OfficialAccount]) -> dict[int, AccountStatus]:
    now = timezone.now()
    facts = {account.id: Facts() for account in accounts}
    statuses = {account.id: AccountStatus() for account in accounts}
    _read_tokens(facts)
    _read_tallies(facts, statuses, now)
    _explain_last_refusals(statuses)
    _read_pauses(facts)
    for account in accounts:
        status = statuses[account.id]
        status.level, status.text = judge(account, facts[account.id], status, now)
    return statuses


def judge(
    account: OfficialAccount, facts: Facts, status: AccountStatus, now: datetime
) -> tuple[Level, str]:
    if account.is_paused:
        return Level.PAUSED, _paused(facts.paused)
    trouble = (
        _unfinished_rotation(facts.tokens, now)
        or _last_refusal(status.refusal)
        or _silence(facts.push_hours, status.last_push, now)
    )
    if trouble:
        return Level.ATTENTION, trouble
    verified = status.last_verified
    if status.last_push:
        if verified is None:
            return Level.RECEIVING, _("Receiving messages")
        return Level.RECEIVING, _("Receiving messages · verified on {date}").format(
            date=day(verified)
        )
    if verified:
        return Level.VERIFIED, _("Verified on {date}, not enabled (启用) yet").format(
            date=day(verified)
        )
    return Level.WAITING, _("WeChat has not called yet")


def _unfinished_rotation(tokens: list[Token], now: datetime) -> str:
    current = next((token for token in tokens if token.is_current), None)
    previous = [token for token in tokens if not token.is_current and token.is_live_at(now)]
    if current is None or current.first_used_at or not previous:
        return ""
    ends = [token.expires_at for token in previous if token.expires_at]
    if not ends:
        return _("Rotation unfinished: WeChat still uses the old token")
    return _("Rotation unfinished, the old token ends {time}").format(time=in_short(max(ends)))


def _last_refusal(refusal: Explanation | None) -> str:
    return _("Refused: {cause}").format(cause=refusal.in_short) if refusal else ""


def _silence(hours: list[datetime], last_push: datetime | None, now: datetime) -> str:
    """Silent for longer than twice its longest pause of the week, and at least an hour."""
    if last_push is None or len(hours) < BUSY_HOURS:
        return ""
    longest = max(later - earlier for earlier, later in pairwise(sorted(hours)))
    if now - last_push <= max(2 * longest, timedelta(hours=1)):
        return ""
    return _("No messages since {time}").format(time=in_short(last_push))


def _paused(event: ChangeEvent | None) -> str:
    if event is None:
        return _("Paused")
    return _("Paused by {who} on {date}").format(who=event.actor, date=day(event.recorded_at))


# --- Reading, one query each


def _read_tokens(facts: dict[int, Facts]) -> None:
    for token in Token.objects.filter(account__in=facts):
        facts[token.account_id].tokens.append(token)


def _read_tallies(
    facts: dict[int, Facts], statuses: dict[int, AccountStatus], now: datetime
) -> None:
    is_accepted = Q(outcome=Outcome.ACCEPTED)
    totals = Tally.objects.filter(account__in=facts).order_by().values("account_id")
    for row in totals.annotate(
        last_push=Max("last_at", filter=is_accepted & Q(kind=Kind.MESSAGE_PUSH)),
        last_verified=Max("last_at", filter=is_accepted & Q(kind=Kind.URL_VERIFICATION)),
        refused=Sum("count", filter=Q(outcome=Outcome.REFUSED, hour__gt=now - timedelta(hours=24))),
    ):
        status = statuses[row["account_id"]]
        status.last_push, status.last_verified = row["last_push"], row["last_verified"]
        status.refused_in_24_h = row["refused"] or 0
    pushes = Tally.objects.filter(
        is_accepted, account__in=facts, kind=Kind.MESSAGE_PUSH, hour__gt=now - WEEK
    ).order_by("account_id")
    for account_id, group in groupby(pushes.values_list("account_id", "hour"), lambda row: row[0]):
        if account_id is not None:
            facts[account_id].push_hours = [hour for _id, hour in group]


def serious_verifications() -> QuerySet[VerificationAttempt]:
    """A bot that opens the address without parameters is no trouble of the account's."""
    is_serious = Q(reason=None) | Q(reason__in=[Reason.SIGNATURE_MISMATCH, Reason.NO_TOKEN])
    return VerificationAttempt.objects.filter(is_serious, kind=Kind.URL_VERIFICATION)


def _explain_last_refusals(statuses: dict[int, AccountStatus]) -> None:
    """Unless a verification or a message push was accepted since: then it is solved, or noise."""
    known = Known()
    for attempt in _last_refusals(statuses):
        status = statuses[attempt.account_id or 0]
        if status.last_push is None or status.last_push < attempt.recorded_at:
            status.refusal, status.refusal_id = explain(attempt, known), attempt.id
            status.refused_at = attempt.recorded_at


def _last_refusals(account_ids: Iterable[int]) -> QuerySet[VerificationAttempt]:
    """The last serious verification of each account, if it was refused."""
    own = serious_verifications().filter(account=OuterRef("pk"))

    def last(outcome: Outcome) -> Subquery:
        return Subquery(own.filter(outcome=outcome).order_by("-id").values("id")[:1])

    found = OfficialAccount.objects.filter(pk__in=account_ids).annotate(
        accepted=last(Outcome.ACCEPTED), refused=last(Outcome.REFUSED)
    )
    ids = [
        refused
        for accepted, refused in found.values_list("accepted", "refused")
        if refused and refused > (accepted or 0)
    ]
    return VerificationAttempt.objects.filter(pk__in=ids).select_related("account")


def _read_pauses(facts: dict[int, Facts]) -> None:
    events = ChangeEvent.objects.filter(
        account__in=facts, action=ChangeEvent.Action.ACCOUNT_PAUSED
    ).order_by("id")
    for event in events:
        facts[event.account_id or 0].paused = event
