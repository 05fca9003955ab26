"""Finds problems of tokens and other secrets."""

from __future__ import annotations

from datetime import datetime

from django.utils.translation import gettext as _

from verification.accounts.facts import Facts
from verification.accounts.levels import Level
from verification.accounts.problems.calls import level_of_refusal, refused
from verification.accounts.problems.problem import Problem
from verification.diagnosis.missing_keys import put_key_back
from verification.diagnosis.names import name_accounts
from verification.keys import MISSING_KEY_ADVICE
from verification.times import format_short


def key_missing(facts: Facts, now: datetime) -> Problem | None:
    token = facts.undecryptable_token(now)
    if token is not None:
        text = _("The old token cannot be decrypted: its key is missing in TOKEN_ENCRYPTION_KEYS")
        if token.is_current:
            text = _("The token cannot be decrypted: its key is missing in TOKEN_ENCRYPTION_KEYS")
        return Problem(Level.FAILING, text, put_key_back())
    if facts.lost_secrets:
        text = _("The {secret} cannot be decrypted: its key is missing in TOKEN_ENCRYPTION_KEYS")
        text = text.format(secret=facts.lost_secrets[0])
        return Problem(Level.FAILING, text, str(MISSING_KEY_ADVICE))
    return None


def token_shared(facts: Facts, now: datetime) -> Problem | None:
    """Find a token that is valid for two accounts: one cannot tell whose call it is."""
    if not facts.sharers:
        return None
    text = _("Has the same token as {accounts}").format(accounts=name_accounts(facts.sharers))
    advice = _("Give each account its own token: rotate the token of one of them.")
    return Problem(Level.WARNING, text, advice)


def key_unfit(facts: Facts, now: datetime) -> Problem | None:
    account = facts.account
    if not facts.has_unfit_key:
        return None
    if account.is_wecom and refused(facts, now):
        return None  # Its explanation says more: the CorpID may be what does not fit.
    is_lost = not account.is_wecom and facts.backend and facts.backend.forwards_decrypted
    text = _("The EncodingAESKey or the {id_name} here does not fit")
    return Problem(
        Level.FAILING if is_lost else Level.WARNING,
        text.format(id_name=account.id_name),
        advise_on_unfit_key(facts),
    )


def advise_on_unfit_key(facts: Facts) -> str:
    """Return what to compare with the console, and what does not work until it fits."""
    if facts.account.is_wecom:
        return _(
            "Compare the EncodingAESKey and the CorpID on the account's page with WeCom's console. "
            "Until they fit, WeCom's check is refused."
        )
    if facts.backend and facts.backend.forwards_decrypted:
        return _(
            "Compare the EncodingAESKey and the AppID on the account's page with the console. "
            "Until a message fits, encrypted messages do not reach the backend."
        )
    return _(
        "Compare the EncodingAESKey and the AppID on the account's page with the console. Until a "
        "message fits, encrypted messages are not checked with the key."
    )


def rotation_unfinished(facts: Facts, now: datetime) -> Problem | None:
    """Find a rotation after which WeChat has used a previous token but not the current one.

    It fails once the old token has ended and calls are refused. Until then messages pass.
    """
    current = facts.current_token
    previous = [token for token in facts.tokens if not token.is_current and token.first_used_at]
    if current is None or current.first_used_at or not previous:
        return None
    caller = facts.account.caller
    advice = _("Paste the current token into the console and press {button}.").format(
        button=facts.account.submit_button
    )
    ends = [token.expires_at for token in previous if token.is_live_at(now)]
    if not ends:
        ended = max(filter(None, (token.expires_at or token.superseded_at for token in previous)))
        text = _("{caller} has not used the new token; the old one ended {time}").format(
            caller=caller, time=format_short(ended)
        )
        refusal = facts.refusal
        if refusal and refusal.attempt.recorded_at > ended and not refusal.is_outdated(now):
            level = level_of_refusal(refusal, facts, now) or Level.WARNING
            return Problem(level, text, advice, refusal.attempt)
        return Problem(Level.WARNING, text, advice)
    text = _("Rotation unfinished: {caller} has not used the new token yet")
    if facts.last_accepted and facts.last_accepted > current.created_at:
        text = _("Rotation unfinished: {caller} still uses the old token")
    text = text.format(caller=caller)
    if None not in ends:
        text = _("Rotation unfinished, the old token ends {time}").format(
            time=format_short(max(filter(None, ends)))
        )
    return Problem(Level.WARNING, text, advice)
