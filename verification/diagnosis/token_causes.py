"""Causes found by computing the signature again with every token that is stored now."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.diagnosis.evidence import Evidence, Explanation
from verification.times import format_date


def token_since_added(evidence: Evidence) -> Explanation | None:
    """Recognize a token that was added after the attempt and is valid now."""
    for token, text in evidence.live(evidence.own_secrets()):
        if token.created_at > evidence.attempt.recorded_at and evidence.is_signed_with(text):
            return Explanation(
                _("token added later"),
                _(
                    "WeChat signed this with a token that was added to “{account}” only later, "
                    "on {date}."
                ).format(account=token.account, date=format_date(token.created_at)),
                _("Press Submit (提交) again."),
                (token.account,),
                token,
                depends_on_stored_data=True,
            )
    return None


def token_fits_today(evidence: Evidence) -> Explanation | None:
    """Recognize a token that is valid now and was not usable at the time.

    Its encryption key was missing, or the account did not accept calls at the bare domain.
    """
    for token, text in evidence.live(evidence.own_secrets()):
        if evidence.is_signed_with(text):
            return Explanation(
                _("token matches now"),
                _(
                    "WeChat signed this with a token of “{account}” that did not match then, but "
                    "does now: its key or the account's settings were changed."
                ).format(account=token.account),
                _("Press Submit (提交) again."),
                (token.account,),
                token,
                depends_on_stored_data=True,
            )
    return None


def token_retired(evidence: Evidence) -> Explanation | None:
    for token, text in evidence.own_secrets():
        if (
            token.expires_at
            and not token.is_live_at(timezone.now())
            and evidence.is_signed_with(text)
        ):
            return Explanation(
                _("retired token"),
                _("WeChat still uses the token of “{account}” that was retired on {date}.").format(
                    account=token.account, date=format_date(token.expires_at)
                ),
                _("Paste the current token into the console and press Submit (提交)."),
                (token.account,),
                token,
                depends_on_stored_data=True,
            )
    return None


def token_of_another_account(evidence: Evidence) -> Explanation | None:
    called = evidence.attempt.account
    for token, text in evidence.stored.secrets:
        other = token.account
        if called is None or other == called or not evidence.is_signed_with(text):
            continue
        return Explanation(
            _("token of “{other}”").format(other=other),
            _(
                "WeChat signed this with the token of “{other}”, but the URL belongs to “{own}”."
            ).format(other=other, own=called),
            _("Put {own}'s own token, or {other}'s own URL, into that console.").format(
                other=other, own=called
            ),
            (called, other),
            token,
            depends_on_stored_data=True,
        )
    return None


def token_unknown(evidence: Evidence) -> Explanation:
    account = evidence.attempt.account
    return Explanation(
        _("unknown token"),
        _("The token in WeChat has never been stored here for “{account}”.").format(
            account=evidence.name
        ),
        _(
            "Reveal the token on the account page, paste it into Token (令牌) in the console and "
            "press Submit (提交)."
        ),
        (account,) if account else (),
        depends_on_stored_data=True,
    )
