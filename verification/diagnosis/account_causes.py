"""Causes that lie in the account that was called, or in there being none."""

from __future__ import annotations

from difflib import get_close_matches

from django.utils.translation import gettext as _

from verification.diagnosis.case import Case, Explanation
from verification.protocol.enums import Reason
from verification.times import format_date


def account_paused(case: Case) -> Explanation | None:
    account = case.attempt.account
    if account is None or not case.is_refused_for(Reason.PAUSED_ACCOUNT):
        return None
    own = (event for event in case.known.pauses if event.account_id == account.pk)
    event = next((event for event in own if event.recorded_at <= case.attempt.recorded_at), None)
    if event is None:
        happened = _("“{account}” was paused, so its requests are refused.")
    else:
        happened = _("“{account}” was paused by {who} on {date}, so its requests are refused.")
    return Explanation(
        _("paused account"),
        happened.format(
            account=account,
            who=event and event.actor,
            date=event and format_date(event.recorded_at),
        ),
        _("Resume it if that was not intended."),
        (account,),
    )


def account_not_at_root(case: Case) -> Explanation | None:
    """A good token, at the bare address, of an account that only answers at its own."""
    if case.attempt.path_slug:
        return None
    for token, text in case.live(case.known.secrets):
        account = token.account
        if not account.answers_at_root and case.is_signed_with(text):
            return Explanation(
                _("“{account}” does not answer at /").format(account=account),
                _(
                    "WeChat called the bare address / with the token of “{account}”, which does "
                    "not answer there."
                ).format(account=account),
                _("Put its server URL {url} into the console and press Submit (提交).").format(
                    url=account.server_url
                ),
                (account,),
                token,
                as_known_today=True,
            )
    return None


def nobody_at_root(case: Case) -> Explanation | None:
    if case.attempt.path_slug or not case.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    return Explanation(
        _("nobody answers at /"),
        _("No account answered at the bare address /."),
        _("Put the server URL from the account page into the console."),
    )


def path_since_added(case: Case) -> Explanation | None:
    if not case.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    account = case.known.accounts.get(case.attempt.path_slug)
    if account is None:
        return None
    return Explanation(
        _("account came later"),
        _("No account had the address “{path}” then; “{account}” was added since.").format(
            path=account.server_path, account=account
        ),
        _("Press Submit (提交) again."),
        (account,),
        as_known_today=True,
    )


def path_mistyped(case: Case) -> Explanation | None:
    """The token tells whose address was meant, however it was spelt."""
    if not case.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    for token, text in case.live(case.known.secrets):
        if case.is_signed_with(text):
            account = token.account
            return Explanation(
                _("mistyped path of “{account}”").format(account=account),
                _(
                    "No account has the address “/wechat/{slug}”, but this was signed with the "
                    "token of “{account}”, whose address is “{path}”."
                ).format(slug=slug_of(case), account=account, path=account.server_path),
                _("Copy the server URL from the account page again."),
                (account,),
                token,
                as_known_today=True,
            )
    return None


def path_unknown(case: Case) -> Explanation | None:
    if not case.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    slug = slug_of(case)
    near = get_close_matches(slug.lower(), case.known.accounts, n=1, cutoff=0.5)
    nearest = [case.known.accounts[slug] for slug in near]
    happened = _("No account has the address “/wechat/{slug}”.")
    if nearest:
        happened = _("No account has the address “/wechat/{slug}”; the nearest is “{near}”.")
    return Explanation(
        _("unknown path"),
        happened.format(slug=slug, near=nearest and nearest[0].server_path),
        _("Copy the server URL from the account page again."),
        tuple(nearest),
        as_known_today=True,
    )


def slug_of(case: Case) -> str:
    return case.attempt.path_slug.strip("/")


def no_token_yet(case: Case) -> Explanation | None:
    if not case.is_refused_for(Reason.NO_TOKEN):
        return None
    account = case.attempt.account
    return Explanation(
        _("no token yet"),
        _("“{account}” had no token, so every check was refused.").format(account=case.name),
        _("Generate one on the account page, paste it into the console and press Submit (提交)."),
        (account,) if account else (),
    )
