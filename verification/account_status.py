"""How each account is doing, in words: what needs a person first, then what is well.

Reads tallies and the last attempts in a constant number of queries, however many accounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import groupby, pairwise

from django.db.models import Max, OuterRef, Q, Subquery, Sum
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from verification.diagnosis import Known, explain
from verification.models import ChangeEvent, OfficialAccount, Tally, Token, VerificationAttempt
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
    last_push: datetime | None = None
    last_verified: datetime | None = None
    refused_in_24_h: int = 0


@dataclass
class Facts:
    """What was read about one account."""

    tokens: list[Token] = field(default_factory=list)
    push_hours: list[datetime] = field(default_factory=list)
    last_refusal: VerificationAttempt | None = None
    paused: ChangeEvent | None = None


def read_statuses(accounts: Sequence[OfficialAccount]) -> dict[int, AccountStatus]:
    now = timezone.now()
    facts = {account.id: Facts() for account in accounts}
    statuses = {account.id: AccountStatus() for account in accounts}
    _read_tokens(facts)
    _read_tallies(facts, statuses, now)
    _read_last_refusals(facts)
    _read_pauses(facts)
    known = Known()
    for account in accounts:
        status = statuses[account.id]
        status.level, status.text = judge(account, facts[account.id], status, known, now)
    return statuses


def judge(
    account: OfficialAccount, facts: Facts, status: AccountStatus, known: Known, now: datetime
) -> tuple[Level, str]:
    if account.is_paused:
        return Level.PAUSED, _paused(facts.paused)
    trouble = (
        _unfinished_rotation(facts.tokens, now)
        or _last_refusal(facts.last_refusal, known)
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
    return _("Rotation unfinished, the old token ends {time}").format(time=moment(max(ends)))


def _last_refusal(attempt: VerificationAttempt | None, known: Known) -> str:
    if attempt is None:
        return ""
    return _("Refused: {cause}").format(cause=explain(attempt, known).in_short)


def _silence(hours: list[datetime], last_push: datetime | None, now: datetime) -> str:
    """Silent for longer than twice its longest pause of the week, and at least an hour."""
    if last_push is None or len(hours) < BUSY_HOURS:
        return ""
    longest = max(later - earlier for earlier, later in pairwise(sorted(hours)))
    if now - last_push <= max(2 * longest, timedelta(hours=1)):
        return ""
    return _("No messages since {time}").format(time=moment(last_push))


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


def _read_last_refusals(facts: dict[int, Facts]) -> None:
    """The last URL verification of each account, if it was refused."""
    # A bot that opens the address without parameters is no trouble of the account's.
    is_serious = Q(reason=None) | Q(reason__in=[Reason.SIGNATURE_MISMATCH, Reason.NO_TOKEN])
    own = VerificationAttempt.objects.filter(
        is_serious, account=OuterRef("pk"), kind=Kind.URL_VERIFICATION
    )

    def last(outcome: Outcome) -> Subquery:
        return Subquery(own.filter(outcome=outcome).order_by("-id").values("id")[:1])

    found = OfficialAccount.objects.filter(pk__in=facts).annotate(
        accepted=last(Outcome.ACCEPTED), refused=last(Outcome.REFUSED)
    )
    ids = [
        refused
        for accepted, refused in found.values_list("accepted", "refused")
        if refused and refused > (accepted or 0)
    ]
    attempts: Iterable[VerificationAttempt] = VerificationAttempt.objects.filter(
        pk__in=ids
    ).select_related("account")
    for attempt in attempts:
        facts[attempt.account_id or 0].last_refusal = attempt


def _read_pauses(facts: dict[int, Facts]) -> None:
    events = ChangeEvent.objects.filter(
        account__in=facts, action=ChangeEvent.Action.ACCOUNT_PAUSED
    ).order_by("id")
    for event in events:
        facts[event.account_id or 0].paused = event


def day(time: datetime) -> str:
    return date_format(timezone.localtime(time), "Y-m-d")


def moment(time: datetime) -> str:
    """The time alone when it is today, otherwise with its date."""
    local = timezone.localtime(time)
    return date_format(local, "H:i" if local.date() == timezone.localdate() else "m-d H:i")
