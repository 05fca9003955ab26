"""Explains what the console answered, by comparing it with the last ten minutes of the log."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.accounts.facts import IS_ACCEPTED, IS_VERIFICATION
from verification.accounts.refusals import IS_ACCEPTED_OR_ACTIONABLE
from verification.accounts.status import AccountStatus
from verification.accounts.strays import Stray, read_recent_strays
from verification.audit_log.positions import first_id_since
from verification.diagnosis import explain
from verification.diagnosis.missing_keys import explain_missing_key
from verification.diagnosis.remarks import (
    SLOW_MICROSECONDS,
    describe_intermediaries,
    format_slow_answer,
)
from verification.models import OfficialAccount, VerificationAttempt
from verification.models.noise import NOISE
from verification.protocol.console import ANSWERS
from verification.protocol.enums import Kind, Outcome, Reason
from verification.times import format_datetime

RECENT = timedelta(minutes=10)


def advise(answer: str, account: OfficialAccount, status: AccountStatus) -> str:
    """Return what probably happened and what to do.

    `answer` is a key of console.ANSWERS: what the console answered to Submit. For any other text
    there is no advice: the result is empty.
    """
    if answer not in ANSWERS:
        return ""
    now = timezone.now()
    if answer in {"success", "token"} and status.facts.undecryptable_token(now):
        return explain_missing_key([account])
    attempt = last_recent_attempt(account, answer)
    stray = find_recent_stray(account)
    if attempt and stray and attempt.outcome == Outcome.REFUSED:
        # The token is right since, and only the address is wrong.
        is_mended = stray.is_certain and stray.attempt.pk > attempt.pk
        attempt = None if is_mended else attempt
    if attempt is None:
        advice = advise_without_call(answer, account, status)
    elif attempt.outcome == Outcome.REFUSED:
        advice = advise_after_refusal(answer, attempt, status)
    else:
        advice = advise_after_acceptance(answer, attempt, status)
    if account.is_paused and (attempt is None or attempt.reason != Reason.PAUSED_ACCOUNT):
        advice += " " + _("The account is paused: resume it before you press Submit (提交) again.")
    return advice


def last_recent_attempt(account: OfficialAccount, answer: str) -> VerificationAttempt | None:
    """Return the last recent call that can explain the console's answer, if there is one.

    That is the last verification whose signature was checked, or else the last call that was
    refused before that. Self-tests and internet noise are no such calls. After a success, a
    verification that passed comes first: a refused one may be a stranger's.
    """
    since = first_id_since(timezone.now() - RECENT)
    recent = account.attempts.filter(id__gte=since).order_by("-id")
    recent = recent.select_related("account", "token").exclude(kind=Kind.SELF_TEST)
    checked = recent.filter(IS_ACCEPTED_OR_ACTIONABLE, IS_VERIFICATION)
    if answer == "success" and (passed := checked.filter(IS_ACCEPTED).first()):
        return passed
    return checked.first() or recent.filter(outcome=Outcome.REFUSED).exclude(NOISE).first()


def advise_without_call(answer: str, account: OfficialAccount, status: AccountStatus) -> str:
    current, last_push = status.facts.current_token, status.facts.last_push
    if answer == "error":
        return describe_nameless_error()
    if answer == "success" and current and current.first_used_at:
        return advise_verified(status)
    if answer == "token" and current is None:
        return _(
            "“{account}” has no token, so every check is refused. Create one, paste it into the "
            "console and press Submit (提交)."
        ).format(account=account)
    if stray := find_recent_stray(account):
        return _("WeChat called another address at {time}. {explanation}").format(
            time=format_datetime(stray.attempt.recorded_at, "%H:%M:%S"),
            explanation=stray.explanation.full_text,
        )
    if last_push and timezone.now() - last_push < RECENT:
        return _(
            "No verification of “{account}” was recorded in the last ten minutes, but its messages "
            "arrive, the last at {time}. So this server can be reached, and the console was given "
            "another server URL. Compare it with the one above letter by letter."
        ).format(account=account, time=format_datetime(last_push, "%H:%M:%S"))
    if answer == "token" and status.facts.refusal:
        return _(
            "WeChat has not called “{account}” in the last ten minutes. Its last call, of {time}, "
            "was refused. {explanation} If the console says this of a newer call, another host "
            "answered it: then check the URL letter by letter."
        ).format(
            account=account,
            time=format_datetime(status.facts.refusal.attempt.recorded_at, "%H:%M"),
            explanation=status.facts.refusal.explanation.full_text,
        )
    return NOTHING_RECORDED[answer]().format(account=account)


def find_recent_stray(account: OfficialAccount) -> Stray | None:
    """Return the last recent call to an address of no account that was meant for this one."""
    now = timezone.now()
    stray = next(iter(read_recent_strays(account, now)), None)
    return stray if stray and now - stray.attempt.recorded_at < RECENT else None


def advise_after_refusal(answer: str, attempt: VerificationAttempt, status: AccountStatus) -> str:
    if answer in {"timeout", "error"} and attempt.duration > SLOW_MICROSECONDS:
        return format_slow_answer(attempt)
    if answer == "success":
        return _(
            "The last attempt on record was refused, so the console holds another server URL or "
            "the success is an older one. Compare the URL there with the one above."
        )
    # The last refusal may be a stranger's: the page's state has found the one that says most.
    refusal = status.facts.refusal
    return refusal.explanation.full_text if refusal else explain(attempt).full_text


def advise_after_acceptance(
    answer: str, attempt: VerificationAttempt, status: AccountStatus
) -> str:
    if answer == "success" and attempt.token and not attempt.token.is_current:
        return _(
            "Verified with the previous token {fingerprint}. Paste the new one into the console "
            "and press Submit (提交)."
        ).format(fingerprint=attempt.token.fingerprint)
    if answer == "success":
        return advise_verified(status)
    if answer == "token":
        return _(
            "We accepted this and returned the exact text, so something in front of us may have "
            "changed or replaced it: {culprits}. Press “Test from this server”, and switch that "
            "off for this address."
        ).format(culprits=describe_intermediaries())
    if attempt.duration > SLOW_MICROSECONDS:
        return format_slow_answer(attempt)
    if answer == "error":
        return describe_nameless_error()
    return _(
        "We answered in {ms} ms, but the answer reached WeChat too late. Press Submit (提交) "
        "again; if it repeats, use a host or domain nearer to mainland China."
    ).format(ms=f"{attempt.duration / 1000:.1f}")


def advise_verified(status: AccountStatus) -> str:
    """Return what is left to do after a success with the current token."""
    if status.receives and status.facts.backend:
        return _("Verified with the current token, and messages arrive: nothing is left to do.")
    if status.receives:
        return _(
            "Verified with the current token, and messages arrive. Set a backend: without one, "
            "followers get no reply."
        )
    if status.facts.backend is None:
        return _(
            "Verified with the current token. Set a backend before you press Enable (启用): "
            "without one, followers get no reply."
        )
    return _(
        "Verified with the current token. When you are ready to lose the console's auto-replies "
        "and menu, press Enable (启用)."
    )


def describe_nameless_error() -> str:
    return _(
        "This message names no cause. The problem is probably on WeChat's side, or the domain is "
        "restricted. Wait a few minutes and press Submit (提交) again; if that does not help, try "
        "another domain."
    )


NOTHING_RECORDED = {
    "success": lambda: _(
        "WeChat has not called “{account}” in the last ten minutes, so the console holds another "
        "server URL. Copy the one above into it and press Submit (提交)."
    ),
    "token": lambda: _(
        "WeChat has not called “{account}” in the last ten minutes, so another host answered it. "
        "Check the URL letter by letter, and whether a proxy or firewall answers in our place."
    ),
    "timeout": lambda: _(
        "WeChat has not reached this server for “{account}”. Check the URL letter by letter, "
        "port 80 or 443, DNS and firewall, then run WeChat's tester."
    ),
}
