"""Causes that show when the signature is computed again with every token known today."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.diagnosis.case import Case, Explanation
from verification.times import format_date


def token_since_added(case: Case) -> Explanation | None:
    """Refused then, but one of today's live tokens fits: the token came later."""
    for token, text in case.live(case.own_secrets()):
        if token.created_at > case.attempt.recorded_at and case.is_signed_with(text):
            return Explanation(
                _("token came later"),
                _(
                    "WeChat signed this with a token that “{account}” was given only later, "
                    "on {date}."
                ).format(account=token.account, date=format_date(token.created_at)),
                _("Press Submit (提交) again."),
                (token.account,),
                token,
                as_known_today=True,
            )
    return None


def token_fits_today(case: Case) -> Explanation | None:
    """Refused then for its key, or because the account did not answer at the bare address."""
    for token, text in case.live(case.own_secrets()):
        if case.is_signed_with(text):
            return Explanation(
                _("token fits by now"),
                _(
                    "WeChat signed this with a token of “{account}” that did not fit then, but "
                    "does now: its key or the account's settings were changed."
                ).format(account=token.account),
                _("Press Submit (提交) again."),
                (token.account,),
                token,
                as_known_today=True,
            )
    return None


def token_retired(case: Case) -> Explanation | None:
    for token, text in case.own_secrets():
        if token.expires_at and not token.is_live_at(timezone.now()) and case.is_signed_with(text):
            return Explanation(
                _("retired token"),
                _("WeChat still uses the token of “{account}” that was retired on {date}.").format(
                    account=token.account, date=format_date(token.expires_at)
                ),
                _("Paste the current token into the console and press Submit (提交)."),
                (token.account,),
                token,
                as_known_today=True,
            )
    return None


def token_of_another_account(case: Case) -> Explanation | None:
    own = case.attempt.account
    for token, text in case.known.secrets:
        other = token.account
        if own is None or other == own or not case.is_signed_with(text):
            continue
        return Explanation(
            _("token of “{other}”").format(other=other),
            _(
                "WeChat signed this with the token of “{other}”, but the URL belongs to “{own}”."
            ).format(other=other, own=own),
            _("Put {own}'s own token, or {other}'s own URL, into that console.").format(
                other=other, own=own
            ),
            (own, other),
            token,
            as_known_today=True,
        )
    return None


def token_unknown(case: Case) -> Explanation:
    account = case.attempt.account
    return Explanation(
        _("unknown token"),
        _("The token in WeChat is none that was ever stored here for “{account}”.").format(
            account=case.name
        ),
        _(
            "Reveal the token on the account page, paste it into Token (令牌) in the console and "
            "press Submit (提交)."
        ),
        (account,) if account else (),
        as_known_today=True,
    )
