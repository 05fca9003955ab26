"""Explains what the console answered, by comparing it with the last ten minutes of the log."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.accounts.facts import IS_ACCEPTED, IS_VERIFICATION
from verification.accounts.levels import Level
from verification.accounts.problems import calls
from verification.accounts.refusals import IS_ACCEPTED_OR_ACTIONABLE
from verification.accounts.status import AccountStatus
from verification.accounts.strays import (
    IS_LOST_QUERY,
    Stray,
    is_lost_query,
    read_calls_elsewhere,
    read_recent_strays,
)
from verification.audit_log.positions import first_id_since
from verification.diagnosis import explain
from verification.diagnosis.missing_keys import explain_missing_key
from verification.diagnosis.remarks import (
    describe_intermediaries,
    format_slow_answer,
    is_slow,
)
from verification.models import OfficialAccount, VerificationAttempt
from verification.models.noise import NOISE
from verification.protocol.console import console_of
from verification.protocol.enums import Kind, Outcome, Platform, Reason
from verification.times import format_datetime

RECENT = timedelta(minutes=10)
IS_OF_PAUSE = Q(reason=Reason.PAUSED_ACCOUNT)


def advise(answer: str, account: OfficialAccount, status: AccountStatus) -> str:
    """Return what probably happened and what to do.

    `answer` is a key of Console.answers: what the console answered to Submit or Save. For any other
    text there is no advice: the result is empty.
    """
    if answer not in console_of(account.platform, account.suite_id).answers:
        return ""
    if answer in WITHOUT_CALL:
        return str(WITHOUT_CALL[answer])
    now = timezone.now()
    if answer in {"success", *REFUSED} and status.facts.undecryptable_token(now):
        return explain_missing_key([account])
    attempt = last_recent_attempt(account, answer)
    if account.is_paused:
        return advise_paused(account, attempt)
    stray = find_recent_stray(account)
    if attempt and stray and answer != "success" and stray.attempt.pk > attempt.pk:
        # The token is right, and only the address is wrong.
        attempt = None if stray.is_certain else attempt
    if attempt is None:
        return advise_without_call(answer, account, status, stray)
    if attempt.outcome == Outcome.REFUSED:
        return advise_after_refusal(answer, attempt, status)
    return advise_after_acceptance(answer, attempt, account, status)


def last_recent_attempt(account: OfficialAccount, answer: str) -> VerificationAttempt | None:
    """Return the last recent call that can explain the console's answer, if there is one.

    That is the last verification whose signature was checked, or that a pause or a lost query
    string kept from being checked, or else the last call that was refused before that. Self-tests
    and internet noise are no such calls. After a success, a verification that passed comes first: a
    refused one may be a stranger's.
    """
    since = first_id_since(timezone.now() - RECENT)
    recent = account.attempts.filter(id__gte=since).order_by("-id")
    recent = recent.select_related("account", "token").exclude(kind=Kind.SELF_TEST)
    verifications = recent.filter(IS_VERIFICATION)
    if answer == "success" and (passed := verifications.filter(IS_ACCEPTED).first()):
        return passed
    telling, refused = IS_ACCEPTED_OR_ACTIONABLE | IS_OF_PAUSE, ~NOISE
    if answer != "success":  # After that, the query string was not lost.
        telling, refused = telling | IS_LOST_QUERY, refused | IS_LOST_QUERY
    last = verifications.filter(telling).first()
    return last or recent.filter(refused, outcome=Outcome.REFUSED).first()


def advise_paused(account: OfficialAccount, attempt: VerificationAttempt | None) -> str:
    if attempt is not None and attempt.reason == Reason.PAUSED_ACCOUNT:
        return explain(attempt).full_text
    return _("The account is paused: resume it before you press {button} again.").format(
        button=account.submit_button
    )


def advise_without_call(
    answer: str, account: OfficialAccount, status: AccountStatus, stray: Stray | None
) -> str:
    current, last_push = status.facts.current_token, status.facts.last_push
    if answer == "error":
        return describe_nameless_error()
    if answer == "success" and current and current.first_used_at:
        return advise_verified(account, status)
    if answer in REFUSED and current is None:
        return _(
            "“{account}” has no token, so every check is refused. Create one, paste it into the "
            "console and press {button}."
        ).format(account=account, button=account.submit_button)
    if answer in REFUSED and (missing := calls.describe_missing_secrets(status.facts)):
        return missing
    if stray is not None:
        return describe_stray(account, stray)
    if last_push and timezone.now() - last_push < RECENT:
        return _(
            "No verification of “{account}” was recorded in the last ten minutes, but its messages "
            "arrive, the last at {time}. So this server can be reached, and the console was given "
            "another server URL. Compare it with the one above letter by letter."
        ).format(account=account, time=format_datetime(last_push, "%H:%M:%S"))
    if answer in REFUSED and status.facts.refusal:
        return _(
            "{caller} has not called “{account}” in the last ten minutes. Its last call, of "
            "{time}, was refused. {explanation} If the console says this of a newer call, another "
            "host answered it: then check the URL letter by letter."
        ).format(
            caller=account.caller,
            account=account,
            time=format_datetime(status.facts.refusal.attempt.recorded_at, "%H:%M"),
            explanation=calls.advise_on_refusal(status.facts),
        )
    return NOTHING_RECORDED[answer]().format(
        account=account, caller=account.caller, button=account.submit_button
    )


def find_recent_stray(account: OfficialAccount) -> Stray | None:
    """Return the last recent call to another address that was meant for this account."""
    now = timezone.now()
    strays = read_recent_strays(account, now)[:1]
    strays = [stray for stray in strays if now - stray.attempt.recorded_at < RECENT]
    strays += read_calls_elsewhere(account, first_id_since(now - RECENT))[:1]
    return max(strays, key=lambda stray: stray.attempt.pk, default=None)


def describe_stray(account: OfficialAccount, stray: Stray) -> str:
    time = format_datetime(stray.attempt.recorded_at, "%H:%M:%S")
    if stray.attempt.account is not None:
        return _(
            "{caller} called “{other}” at {time} with the token of “{account}”. Replace the server "
            "URL in the console by the one above."
        ).format(caller=account.caller, other=stray.attempt.account, time=time, account=account)
    return _("{caller} called another address at {time}. {explanation}").format(
        caller=account.caller, time=time, explanation=stray.explanation.full_text
    )


def advise_after_refusal(answer: str, attempt: VerificationAttempt, status: AccountStatus) -> str:
    if answer in {"timeout", "error", "failed"} and is_slow(attempt):
        return format_slow_answer(attempt)
    if answer == "success":
        return _(
            "The last attempt on record was refused, so the console holds another server URL or "
            "the success is an older one. Compare the URL there with the one above."
        )
    is_paused = attempt.reason == Reason.PAUSED_ACCOUNT
    # The last refusal may be a stranger's: the page's state has found the one that says most.
    if status.facts.refusal is None or is_paused or is_lost_query(attempt):
        return explain(attempt).full_text
    return calls.advise_on_refusal(status.facts)


def advise_after_acceptance(
    answer: str, attempt: VerificationAttempt, account: OfficialAccount, status: AccountStatus
) -> str:
    if answer == "success" and attempt.token and not attempt.token.is_current:
        return _(
            "Verified with the previous token {fingerprint}. Paste the new one into the console "
            "and press {button}."
        ).format(fingerprint=attempt.token.fingerprint, button=account.submit_button)
    if answer == "success":
        return advise_verified(account, status)
    if answer in {"token", "tls"} or (answer in REFUSED and not is_slow(attempt)):
        return _(
            "We accepted this and returned the exact text, so something in front of us may have "
            "changed or replaced it: {culprits}. Press “Test from this server”, and switch that "
            "off for this address."
        ).format(culprits=describe_intermediaries())
    if is_slow(attempt):
        return format_slow_answer(attempt)
    if answer == "error":
        return describe_nameless_error()
    return _(
        "We answered in {ms} ms, but the answer reached WeChat too late. Press Submit (提交) "
        "again; if it repeats, use a host or domain nearer to mainland China."
    ).format(ms=f"{attempt.duration / 1000:.1f}")


def advise_verified(account: OfficialAccount, status: AccountStatus) -> str:
    """Return what is left to do after a success with the current token."""
    refused = status.problem(calls.refused)
    if refused is not None and refused.level is Level.FAILING:
        return refused.advice
    if status.receives and status.facts.backend and status.problems:
        worst = status.problems[0]
        sentence = _("Verified with the current token. {problem}. {advice}")
        return sentence.format(problem=worst.text, advice=worst.advice).strip()
    if status.receives and status.facts.backend:
        return _("Verified with the current token, and messages arrive: nothing is left to do.")
    if status.receives:
        return _(
            "Verified with the current token, and messages arrive. Set a backend: without one, "
            "{people} get no reply."
        ).format(people=account.people)
    if account.platform != Platform.OFFICIAL_ACCOUNT:
        if status.facts.backend:
            return _("Verified with the current token. Messages arrive here from now on.")
        return _(
            "Verified with the current token, and messages arrive here from now on. Set a backend: "
            "without one, {people} get no reply."
        ).format(people=account.people)
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


#: The answers after which a call that was refused or changed on its way is looked for.
REFUSED = {"token", "failed", "template"}
#: The advice on answers that the console gives without a call.
WITHOUT_CALL = {
    "domain": gettext_lazy(
        "WeCom compares the domain's ICP filing with your company, and did not call. Use a domain "
        "that your company, or an associated one, has filed. The names must be equal, "
        "down to full-width and half-width brackets."
    ),
    "restricted": gettext_lazy(
        "WeCom refuses this host: a private address, or a shared tunnel domain. Use your own "
        "public domain."
    ),
    "unresolved": gettext_lazy(
        "The URL cannot be used: remove the port, and check that the domain resolves."
    ),
}


UNREACHED_BY_WECOM = gettext_lazy(
    "WeCom has not reached this server for “{account}”. Check the URL letter by letter, DNS, the "
    "firewall and the security group, then run WeCom's tester."
)
NOTHING_RECORDED = {
    "success": lambda: _(
        "{caller} has not called “{account}” in the last ten minutes, so the console holds another "
        "server URL. Copy the one above into it and press {button}."
    ),
    "failed": lambda: str(UNREACHED_BY_WECOM),
    "template": lambda: str(UNREACHED_BY_WECOM),
    "tls": lambda: _(
        "WeChat could not open a TLS connection. Allow TLS 1.2 next to 1.3, then press Submit "
        "(提交) again."
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
