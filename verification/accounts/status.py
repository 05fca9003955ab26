"""Describes the state of each account in words. Every page, command, metric and alert uses this."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.accounts.facts import Facts, read_facts
from verification.accounts.levels import Level
from verification.accounts.problems import Finder, find_problems, problem_of
from verification.accounts.problems.calls import (
    advise_on_refusal,
    describe_missing_secrets,
    describe_stray,
)
from verification.accounts.problems.problem import Problem
from verification.accounts.problems.relay import describe_stored
from verification.accounts.strays import Stray
from verification.models import ChangeEvent, OfficialAccount, VerificationAttempt
from verification.protocol.enums import Platform
from verification.times import format_date, format_short

#: The time without pushes after which an account is no longer shown as receiving.
QUIET_AFTER = timedelta(days=7)


@dataclass(frozen=True)
class AccountStatus:
    """Says how an account is, why, and what to do. Times are aware."""

    level: Level
    text: str  #: the reason in one line
    advice: str = ""  #: what to do, if there is something to do
    #: The refused attempt that the text speaks of.
    attempt: VerificationAttempt | None = None
    #: Everything that needs attention, the worst first. The text is that of the first.
    problems: tuple[Problem, ...] = ()
    facts: Facts = field(default_factory=Facts)

    @property
    def needs_attention(self) -> bool:
        return self.level in (Level.FAILING, Level.WARNING)

    def problem(self, finder: Finder) -> Problem | None:
        """Return the problem that this function found, or None."""
        return problem_of(finder, self.problems)

    @property
    def receives(self) -> bool:
        """Return whether messages arrive now, so that the console is set up."""
        last = self.facts.last_push
        return last is not None and timezone.now() - last <= QUIET_AFTER


def read_statuses(accounts: Sequence[OfficialAccount]) -> dict[int, AccountStatus]:
    """Return the current status of each account by its id."""
    now = timezone.now()
    facts = read_facts(accounts, now)
    return {account.pk: judge(account, facts[account.pk], now) for account in accounts}


def read_sorted_statuses(
    accounts: Iterable[OfficialAccount],
) -> list[tuple[OfficialAccount, AccountStatus]]:
    """Return each account with its status, those that need attention first."""
    listed = list(accounts)
    statuses = read_statuses(listed)
    rows = [(account, statuses[account.pk]) for account in listed]
    return sorted(rows, key=lambda row: (row[1].level, row[0].name.casefold()))


def judge(account: OfficialAccount, facts: Facts, now: datetime) -> AccountStatus:
    """Return the status that these facts give the account."""
    if account.is_paused:
        text = _join(_describe_pause(facts.paused), describe_stored(facts))
        return AccountStatus(Level.PAUSED, text, facts=facts)
    problems = tuple(find_problems(facts, now))
    if problems:
        worst = problems[0]
        return AccountStatus(worst.level, worst.text, worst.advice, worst.attempt, problems, facts)
    level, text = _judge_without_problem(facts, now)
    if level is Level.WAITING:
        return _describe_waiting_account(facts)
    text = _join(text, describe_stored(facts))
    refusal = facts.refusal
    if refusal is None or refusal.is_outdated(now):
        return AccountStatus(level, text, facts=facts)
    text = _("{status} · refused at {time}: {cause}").format(
        status=text,
        time=format_short(refusal.attempt.recorded_at),
        cause=refusal.explanation.summary,
    )
    advice = advise_on_refusal(facts)
    return AccountStatus(level, text, advice, refusal.attempt, facts=facts)


def _join(*parts: str) -> str:
    return " · ".join(filter(None, parts))


def _judge_without_problem(facts: Facts, now: datetime) -> tuple[Level, str]:
    verified = facts.last_verified
    if facts.last_push and now - facts.last_push > QUIET_AFTER:
        return Level.QUIET, _("Last message on {date}").format(date=format_date(facts.last_push))
    if facts.last_push and verified:
        text = _("Receiving messages · verified on {date}").format(date=format_date(verified))
        return Level.RECEIVING, text
    if facts.last_push:
        return Level.RECEIVING, _("Receiving messages")
    if verified:
        text = _("Verified on {date}, no message yet")
        if facts.account.platform == Platform.OFFICIAL_ACCOUNT:
            text = _("Verified on {date}, not enabled (启用) yet")
        return Level.VERIFIED, text.format(date=format_date(verified))
    return Level.WAITING, ""


def _describe_waiting_account(facts: Facts) -> AccountStatus:
    """Describe an account that has never been called successfully."""
    if refusal := facts.refusal:
        text = _("Last attempt refused on {date}: {cause}").format(
            date=format_date(refusal.attempt.recorded_at), cause=refusal.explanation.summary
        )
        advice = advise_on_refusal(facts)
        return AccountStatus(Level.WAITING, text, advice, refusal.attempt, facts=facts)
    if facts.stray:
        return _describe_missed_call(facts, facts.stray)
    if facts.current_token is None:
        advice = _("Create a token.")
        return AccountStatus(Level.WAITING, _("No token yet"), advice, facts=facts)
    if advice := describe_missing_secrets(facts):
        text = _("No CorpID yet") if facts.has_key else _("No EncodingAESKey yet")
        return AccountStatus(Level.WAITING, text, advice, facts=facts)
    if facts.lost_query:
        return _describe_missed_call(facts, facts.lost_query)
    text = _("{caller} has not called yet").format(caller=facts.account.caller)
    return AccountStatus(Level.WAITING, text, facts=facts)


def _describe_missed_call(facts: Facts, stray: Stray) -> AccountStatus:
    text, advice = describe_stray(stray, facts.account), stray.explanation.full_text
    return AccountStatus(Level.WAITING, text, advice, stray.attempt, facts=facts)


def _describe_pause(event: ChangeEvent | None) -> str:
    if event is None:
        return _("Paused")
    return _("Paused by {who} on {date}").format(
        who=event.actor_name, date=format_date(event.recorded_at)
    )
