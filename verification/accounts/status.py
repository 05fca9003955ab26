"""Describes the state of each account in words: what needs attention, or else what works."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.accounts.facts import MAX_REFUSALS, Facts, Refusal, read_facts
from verification.models import Backend, ChangeEvent, OfficialAccount
from verification.relay.report import Backlog, Period, name_failure
from verification.times import format_date, format_short

#: A refusal without a known cause is ignored after this time.
UNEXPLAINED_LIFETIME = timedelta(hours=24)
#: The time without pushes after which an account is no longer shown as receiving.
QUIET_AFTER = timedelta(days=7)
#: Messages that wait longer need attention.
LONG_WAIT = timedelta(minutes=10)


class Level(IntEnum):
    """The state of an account. The list of accounts is in this order."""

    ATTENTION = 1
    RECEIVING = 2
    QUIET = 3
    VERIFIED = 4
    WAITING = 5
    PAUSED = 6

    @property
    def sign(self) -> str:
        return SIGNS[self]


SIGNS = {
    Level.ATTENTION: "!",
    Level.RECEIVING: "✓",
    Level.QUIET: "–",
    Level.VERIFIED: "✓",
    Level.WAITING: "–",
    Level.PAUSED: "‖",
}


@dataclass(frozen=True)
class AccountStatus:
    """Holds what the list shows about one account. Times are aware."""

    level: Level
    text: str
    refusal: Refusal | None
    last_push: datetime | None
    last_accepted: datetime | None
    refused_in_24_h: int
    is_key_missing: bool  #: a live token cannot be decrypted
    backend: Backend | None
    backlog: Backlog


def read_statuses(accounts: Sequence[OfficialAccount]) -> dict[int, AccountStatus]:
    """Return the current status of each account by its id."""
    now = timezone.now()
    facts = read_facts(accounts, now)
    statuses = {}
    for account in accounts:
        known = facts[account.pk]
        level, text = judge(account, known, now)
        statuses[account.pk] = AccountStatus(
            level,
            text,
            known.refusal,
            known.last_push,
            known.last_accepted,
            known.refused_in_24_h,
            is_key_missing=known.undecryptable_token(now) is not None,
            backend=known.backend,
            backlog=known.backlog,
        )
    return statuses


def read_sorted_statuses(
    accounts: Iterable[OfficialAccount],
) -> list[tuple[OfficialAccount, AccountStatus]]:
    """Return each account with its status, those that need attention first."""
    listed = list(accounts)
    statuses = read_statuses(listed)
    rows = [(account, statuses[account.pk]) for account in listed]
    return sorted(rows, key=lambda row: (row[1].level, row[0].name.casefold()))


def judge(account: OfficialAccount, facts: Facts, now: datetime) -> tuple[Level, str]:
    if account.is_paused:
        return Level.PAUSED, _describe_pause(facts.paused)
    trouble = (
        _describe_missing_key(facts, now)
        or _describe_lost_secret(facts)
        or _describe_unfinished_rotation(facts, now)
        or _describe_failing_backend(facts)
        or _describe_refusal(facts, now)
        or _describe_lost_replies(facts)
        or _describe_long_wait(facts, now)
        or _describe_silence(facts, now)
    )
    if trouble:
        return Level.ATTENTION, trouble
    level, text = _judge_without_trouble(facts, now)
    if facts.backlog.waiting:
        text = f"{text} · {_describe_stored(facts)}"
    if facts.has_unfit_key:
        text = _("{status} · the EncodingAESKey here does not fit").format(status=text)
    refusal = facts.refusal
    if refusal is None or level is Level.WAITING or _is_outdated(refusal, now):
        return level, text
    return level, _("{status} · refused at {time}: {cause}").format(
        status=text,
        time=format_short(refusal.attempt.recorded_at),
        cause=refusal.explanation.summary,
    )


# --- What needs attention, or an empty text


def _describe_missing_key(facts: Facts, now: datetime) -> str:
    token = facts.undecryptable_token(now)
    if token is None:
        return ""
    if token.is_current:
        return _("The token cannot be decrypted: its key is missing in TOKEN_ENCRYPTION_KEYS")
    return _("The old token cannot be decrypted: its key is missing in TOKEN_ENCRYPTION_KEYS")


def _describe_lost_secret(facts: Facts) -> str:
    if not facts.lost_secrets:
        return ""
    return _(
        "The {secret} cannot be decrypted: its key is missing in TOKEN_ENCRYPTION_KEYS"
    ).format(secret=facts.lost_secrets[0])


def _describe_unfinished_rotation(facts: Facts, now: datetime) -> str:
    """Describe a rotation after which WeChat has used a previous token but not the current one."""
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


def _describe_refusal(facts: Facts, now: datetime) -> str:
    refusal, current = facts.refusal, facts.current_token
    if refusal is None:
        return ""
    is_connected = current is not None and current.first_used_at is not None
    if refusal.is_unknown and (is_connected or _is_outdated(refusal, now)):
        return ""
    if refusal.may_be_forged and is_connected and facts.refused_in_a_row < MAX_REFUSALS:
        return ""
    return _("Refused: {cause}").format(cause=refusal.explanation.summary)


def _describe_failing_backend(facts: Facts) -> str:
    backend = facts.backend
    if backend is None or backend.failing_since is None:
        return ""
    parts = [describe_failing(backend), _describe_stored(facts)]
    return " · ".join(filter(None, parts))


def describe_failing(backend: Backend) -> str:
    """Return since when the backend fails and why, in a few words."""
    assert backend.failing_since is not None
    since = format_short(backend.failing_since)
    if backend.last_failure is None:
        return _("Backend fails since {time}").format(time=since)
    return _("Backend fails since {time}: {reason}").format(
        time=since, reason=name_failure(backend.last_failure, backend.last_failure_status)
    )


def _describe_lost_replies(facts: Facts) -> str:
    if facts.backend is None:
        return ""
    parts = [describe_lost_replies(facts.deliveries), _describe_stored(facts)]
    return " · ".join(filter(None, parts)) if parts[0] else ""


def describe_lost_replies(hour: Period) -> str:
    """Return how many of the hour's deliveries brought no reply and why, or an empty text."""
    lost = hour.lost_replies
    if lost is None:
        return ""
    return _("{count} of {total} deliveries of the last hour brought no reply: {reason}").format(
        count=f"{lost.count:,}",
        total=f"{hour.delivered + hour.failed:,}",
        reason=name_failure(lost.result, None),
    )


def _describe_long_wait(facts: Facts, now: datetime) -> str:
    oldest = facts.backlog.oldest_waiting
    is_long = oldest is not None and now - oldest > LONG_WAIT
    if facts.backlog.dead or is_long or facts.is_worker_missing:
        return _describe_stored(facts)
    return ""


def _describe_stored(facts: Facts) -> str:
    """Return what the spool has for the account, and whether no worker delivers it."""
    parts = [describe_waiting(facts.backlog)]
    if facts.is_worker_missing:
        parts.append(_("no worker runs: start manage.py worker"))
    return " · ".join(filter(None, parts))


def describe_waiting(backlog: Backlog) -> str:
    """Return how many messages wait and how many are dead letters, or an empty text."""
    parts = []
    if waiting := backlog.waiting:
        sentence = ngettext("{count} message waits", "{count} messages wait", waiting)
        parts.append(sentence.format(count=f"{waiting:,}"))
    if dead := backlog.dead:
        sentence = ngettext("{count} dead letter", "{count} dead letters", dead)
        parts.append(sentence.format(count=f"{dead:,}"))
    return " · ".join(parts)


def _is_outdated(refusal: Refusal, now: datetime) -> bool:
    return now - refusal.attempt.recorded_at > UNEXPLAINED_LIFETIME


def _describe_silence(facts: Facts, now: datetime) -> str:
    if facts.last_push is None or not facts.is_silent(now):
        return ""
    return _("No messages since {time}").format(time=format_short(facts.last_push))


# --- What works, or has not begun


def _judge_without_trouble(facts: Facts, now: datetime) -> tuple[Level, str]:
    verified = facts.last_verified
    if facts.last_push and now - facts.last_push > QUIET_AFTER:
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


def _describe_pause(event: ChangeEvent | None) -> str:
    if event is None:
        return _("Paused")
    return _("Paused by {who} on {date}").format(
        who=event.actor, date=format_date(event.recorded_at)
    )
