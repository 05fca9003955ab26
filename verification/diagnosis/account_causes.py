"""Causes that concern the account that was called, or a path that belongs to no account."""

from __future__ import annotations

from difflib import get_close_matches

from django.utils.translation import gettext as _

from verification.diagnosis.evidence import Evidence, Explanation
from verification.protocol.enums import Reason
from verification.times import format_datetime


def account_paused(evidence: Evidence) -> Explanation | None:
    account = evidence.attempt.account
    if account is None or not evidence.is_refused_for(Reason.PAUSED_ACCOUNT):
        return None
    event = next(
        (
            event
            for event in evidence.stored.pauses
            if event.account_id == account.pk and event.recorded_at <= evidence.attempt.recorded_at
        ),
        None,
    )
    if event is None:
        happened = _("“{account}” was paused, so its requests are refused.")
    else:
        happened = _("“{account}” was paused by {who} on {date}, so its requests are refused.")
    return Explanation(
        _("paused account"),
        happened.format(
            account=account,
            who=event and event.actor_name,
            date=event and format_datetime(event.recorded_at, "%Y-%m-%d %H:%M"),
        ),
        _("Resume it if that was not intended.")
        if account.is_paused
        else _("The account has been resumed since."),
        (account,),
        event=event,
    )


def account_not_at_root(evidence: Evidence) -> Explanation | None:
    """Recognize the token of an account that does not accept calls at the bare domain."""
    if evidence.attempt.path_slug:
        return None
    for token, text in evidence.live(evidence.stored.secrets):
        account = token.account
        if not account.answers_at_root and evidence.is_signed_with(text):
            return Explanation(
                _("“{account}” does not accept calls at the bare domain").format(account=account),
                _(
                    "WeChat called the bare domain with the token of “{account}”, which does not "
                    "accept calls there."
                ).format(account=account),
                _("Put its server URL {url} into the console and press Submit (提交).").format(
                    url=account.server_url
                ),
                (account,),
                token,
                depends_on_tokens=True,
            )
    return None


def no_account_at_root(evidence: Evidence) -> Explanation | None:
    if evidence.attempt.path_slug or not evidence.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    return Explanation(
        _("no account accepts calls at the bare domain"),
        _("No account accepted calls at the bare domain."),
        _("Put the server URL from the account page into the console."),
    )


def path_since_added(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    account = evidence.stored.accounts.get(evidence.attempt.path_slug)
    if account is None:
        return None
    return Explanation(
        _("account added later"),
        _("No account had the address “{path}” then; “{account}” was added since.").format(
            path=account.server_path, account=account
        ),
        _("Press Submit (提交) again."),
        (account,),
    )


def path_mistyped(evidence: Evidence) -> Explanation | None:
    """Recognize a mistyped path by the token, which belongs to the account that was meant."""
    if not evidence.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    for token, text in evidence.live(evidence.stored.secrets):
        if evidence.is_signed_with(text):
            account = token.account
            return Explanation(
                _("mistyped path of “{account}”").format(account=account),
                _(
                    "No account has the address “{called}”, but this was signed with the token of "
                    "“{account}”, whose address is “{path}”."
                ).format(called=evidence.attempt.path, account=account, path=account.server_path),
                _("Copy the server URL from the account page again."),
                (account,),
                token,
                depends_on_tokens=True,
            )
    return None


def path_unknown(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    meant = evidence.attempt.meant_slug.lower()
    near = get_close_matches(meant, evidence.stored.accounts, n=1, cutoff=0.5)
    nearest = [evidence.stored.accounts[slug] for slug in near]
    happened = _("No account has the address “{path}”.")
    if nearest:
        happened = _("No account has the address “{path}”; the nearest is “{near}”.")
    return Explanation(
        _("unknown path"),
        happened.format(path=evidence.attempt.path, near=nearest and nearest[0].server_path),
        _("Copy the server URL from the account page again."),
        tuple(nearest),
    )


def no_token_yet(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.NO_TOKEN):
        return None
    account = evidence.attempt.account
    return Explanation(
        _("no token yet"),
        _("“{account}” had no token, so every check was refused.").format(account=evidence.name),
        _("Generate one on the account page, paste it into the console and press Submit (提交)."),
        (account,) if account else (),
    )
