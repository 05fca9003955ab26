"""Finds problems that the calls of WeChat or WeCom show, or that their absence shows."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from verification.accounts.aes_keys import needs_app_id
from verification.accounts.facts import Facts
from verification.accounts.levels import Level
from verification.accounts.problems.problem import Problem
from verification.accounts.refusals import Refusal
from verification.accounts.strays import Stray
from verification.models import OfficialAccount
from verification.protocol.enums import Platform
from verification.times import format_short

#: Strangers' calls are worth a look from this number in a row.
MANY_REFUSALS = 3
#: The causes of refusals after which somebody has corrected the token or the platform here.
CAUSES_THAT_ARE_MENDED = {"platform_since_changed", "token_since_added", "token_fits_today"}


def refused(facts: Facts, now: datetime) -> Problem | None:
    """Find a refusal that no accepted call has followed.

    A later call to a wrong address that was signed with a token of the account takes its place:
    only the address is wrong now.
    """
    refusal, wrong_call = facts.refusal, facts.stray
    if refusal is None or refusal.is_outdated(now):
        return None
    level = level_of_refusal(refusal, facts, now)
    if level is None:
        return None
    is_newer = wrong_call and wrong_call.attempt.recorded_at > refusal.attempt.recorded_at
    if wrong_call and wrong_call.is_certain and is_newer:
        return _problem_of_stray(level, wrong_call, facts)
    text = _("Refused: {cause}").format(cause=refusal.explanation.summary)
    return Problem(level, text, advise_on_refusal(facts), refusal.attempt)


def advise_on_refusal(facts: Facts) -> str:
    """Return the explanation of the refusal that says most.

    It may say that the call would be accepted now. That of a WeCom app also takes a key and an ID.
    """
    assert facts.refusal is not None
    explanation, missing = facts.refusal.explanation, describe_missing_secrets(facts)
    if missing and explanation.cause in CAUSES_THAT_ARE_MENDED:
        return _("{what_happened} {what_to_do}").format(
            what_happened=explanation.what_happened, what_to_do=missing
        )
    return explanation.full_text


def describe_missing_secrets(facts: Facts) -> str:
    """Return what a WeCom app lacks for WeCom's check, and an empty text if there is nothing."""
    account = facts.account
    if not account.is_wecom or (facts.has_key and not needs_app_id(account)):
        return ""
    sentence = _(
        "Set the EncodingAESKey and the CorpID (企业ID) here first, then press {button}: WeCom "
        "checks with an encrypted text."
    )
    if facts.has_key:
        sentence = _(
            "Enter the CorpID (企业ID) here first, then press {button}: what WeCom encrypts ends "
            "with it."
        )
    elif not needs_app_id(account):
        sentence = _(
            "Set the EncodingAESKey here first, then press {button}: WeCom checks with an "
            "encrypted text."
        )
    return sentence.format(button=account.submit_button)


def level_of_refusal(refusal: Refusal, facts: Facts, now: datetime) -> Level | None:
    """Return the level of the refusal, or None if it needs no attention.

    Anyone who knows the address can send refusals without a known cause, from an address of their
    own. Nobody but WeChat can send accepted calls, and those clear every refusal before them. So
    a stranger cannot turn an account red: that takes a cause that only somebody with a token can
    bring about, the network from which WeChat verified the account, or that WeChat's own messages
    stop meanwhile. A wrong token in WeChat's console always meets the network or the missing
    messages.

    Several refusals in a row are worth a look all the same: WeChat has many networks. So is the
    first one before any success, which may be a typing error in WeChat's console.
    """
    if not refusal.may_be_forged or facts.is_silent(now):
        return Level.FAILING
    was_used = any(token.first_used_at for token in facts.tokens)
    is_worth_a_look = not was_used or facts.refusals.count >= MANY_REFUSALS
    return Level.WARNING if is_worth_a_look else None


def stray(facts: Facts, now: datetime) -> Problem | None:
    """Find a call to a wrong address that was signed with a token of the account."""
    if facts.stray is None or not facts.stray.is_certain:
        return None
    problem = _problem_of_stray(Level.WARNING, facts.stray, facts)
    shown = refused(facts, now)
    return None if shown and shown.attempt == problem.attempt else problem


def queries_lost(facts: Facts, now: datetime) -> Problem | None:
    """Find calls without their query string that came after the last accepted one.

    Anyone can send them. So a single one matters only if messages stop meanwhile, and several are
    never more than a warning. Before the first accepted call, they are the state of an account that
    waits, and no problem.
    """
    lost = facts.lost_query
    if lost is None or facts.last_accepted is None:
        return None
    is_worth_a_look = lost.count >= MANY_REFUSALS or facts.is_silent(now)
    return _problem_of_stray(Level.WARNING, lost, facts) if is_worth_a_look else None


def _problem_of_stray(level: Level, stray: Stray, facts: Facts) -> Problem:
    text = describe_stray(stray, facts.account)
    return Problem(level, text, stray.explanation.full_text, stray.attempt)


def describe_stray(stray: Stray, account: OfficialAccount) -> str:
    """Return that the account's platform called elsewhere, or in vain, where and when."""
    time, path = format_short(stray.attempt.recorded_at), stray.attempt.path
    if stray.is_lost_query:
        text = _("{caller} may have called at {time}, but the query string is missing")
    elif stray.explanation.cause == "path_since_added":
        text = _("{caller} called at {time}, before the account was added")
    elif path == "/":
        text = _("{caller} called the bare domain at {time}")
    else:
        text = _("{caller} called a wrong address at {time}: {path}")
    return text.format(caller=account.caller, time=time, path=path)


def silent(facts: Facts, now: datetime) -> Problem | None:
    if facts.last_push is None or not facts.is_silent(now):
        return None
    text = _("No messages since {time}").format(time=format_short(facts.last_push))
    return Problem(Level.WARNING, text, ADVICE_ON_SILENCE[Platform(facts.account.platform)]())


ADVICE_ON_SILENCE = {
    Platform.OFFICIAL_ACCOUNT: lambda: _(
        "Check in WeChat's console whether the server is still enabled (启用), with this "
        "account's server URL and token. Send the account a message to test it."
    ),
    Platform.MINI_PROGRAM: lambda: _(
        "Check in the Mini Program's console whether message push is still enabled (启用), "
        "with this account's server URL and token. Write to its customer service to test it."
    ),
    Platform.WECOM: lambda: _(
        "Check in WeCom's console whether the app still has this account's server URL, token and "
        "EncodingAESKey. Send the app a message to test it."
    ),
}
