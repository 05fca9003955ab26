"""How each account is doing, in words: what needs a person first, then what is well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.accounts.facts import WEEK, Facts, Refusal, read_facts
from verification.models import ChangeEvent, OfficialAccount
from verification.times import format_date, format_short

#: A refusal that nothing explains is forgotten after this time.
FADES = timedelta(hours=24)


class Level(IntEnum):
    """In the order of the list: trouble first."""

    ATTENTION = 1
    RECEIVING = 2
    QUIET = 3
    VERIFIED = 4
    WAITING = 5
    PAUSED = 6


@dataclass(frozen=True)
class AccountStatus:
    """What the list shows of one account; times are aware."""

    level: Level
    text: str
    refusal: Refusal | None
    last_push: datetime | None
    last_accepted: datetime | None
    refused_in_24_h: int


def read_statuses(accounts: Sequence[OfficialAccount]) -> dict[int, AccountStatus]:
    now = timezone.now()
    facts = read_facts(accounts, now)
    return {account.pk: describe(account, facts[account.pk], now) for account in accounts}


def describe(account: OfficialAccount, facts: Facts, now: datetime) -> AccountStatus:
    level, text = judge(account, facts, now)
    return AccountStatus(
        level, text, facts.refusal, facts.last_push, facts.last_accepted, facts.refused_in_24_h
    )


def judge(account: OfficialAccount, facts: Facts, now: datetime) -> tuple[Level, str]:
    if account.is_paused:
        return Level.PAUSED, _paused(facts.paused)
    trouble = _unfinished_rotation(facts, now) or _last_refusal(facts, now) or _silence(facts, now)
    if trouble:
        return Level.ATTENTION, trouble
    level, text = _well(facts, now)
    refusal = facts.refusal
    if refusal is None or level is Level.WAITING or _is_over(refusal, now):
        return level, text
    return level, _("{status} · refused at {time}: {cause}").format(
        status=text,
        time=format_short(refusal.attempt.recorded_at),
        cause=refusal.explanation.summary,
    )


# --- Trouble, or an empty text


def _unfinished_rotation(facts: Facts, now: datetime) -> str:
    """WeChat has used a previous token, and not the current one."""
    current = facts.current_token
    previous = [token for token in facts.tokens if not token.is_current and token.first_used_at]
    if current is None or current.first_used_at or not previous:
        return ""
    ends = [token.expires_at for token in previous if token.is_live_at(now)]
    if not ends:
        ended = max(filter(None, (token.expires_at or token.superseded_at for token in previous)))
        return _("WeChat has not used the new token; the old one ended {time}").format(
            time=format_short(ended)
        )
    if None in ends:
        return _("Rotation unfinished: WeChat still uses the old token")
    return _("Rotation unfinished, the old token ends {time}").format(
        time=format_short(max(filter(None, ends)))
    )


def _last_refusal(facts: Facts, now: datetime) -> str:
    refusal, current = facts.refusal, facts.current_token
    if refusal is None:
        return ""
    is_connected = current is not None and current.first_used_at is not None
    if refusal.is_unknown and (is_connected or _is_over(refusal, now)):
        return ""
    return _("Refused: {cause}").format(cause=refusal.explanation.summary)


def _is_over(refusal: Refusal, now: datetime) -> bool:
    return now - refusal.attempt.recorded_at > FADES


def _silence(facts: Facts, now: datetime) -> str:
    if facts.last_push is None or not facts.is_silent(now):
        return ""
    return _("No messages since {time}").format(time=format_short(facts.last_push))


# --- What is well, or waits


def _well(facts: Facts, now: datetime) -> tuple[Level, str]:
    verified = facts.last_verified
    if facts.last_push and now - facts.last_push > WEEK:
        return Level.QUIET, _("Last message on {date}").format(date=format_date(facts.last_push))
    if facts.last_push and verified:
        text = _("Receiving messages · verified on {date}").format(date=format_date(verified))
        return Level.RECEIVING, text
    if facts.last_push:
        return Level.RECEIVING, _("Receiving messages")
    if verified:
        text = _("Verified on {date}, not enabled (启用) yet").format(date=format_date(verified))
        return Level.VERIFIED, text
    if refusal := facts.refusal:
        return Level.WAITING, _("Last attempt refused on {date}: {cause}").format(
            date=format_date(refusal.attempt.recorded_at), cause=refusal.explanation.summary
        )
    return Level.WAITING, _("WeChat has not called yet")


def _paused(event: ChangeEvent | None) -> str:
    if event is None:
        return _("Paused")
    return _("Paused by {who} on {date}").format(
        who=event.actor, date=format_date(event.recorded_at)
    )
