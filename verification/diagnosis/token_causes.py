"""Causes that show when the signature is computed again with every token known today."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.diagnosis.case import Case, Explanation
from verification.models import Token
from verification.moments import day


def account_not_at_root(case: Case) -> Explanation | None:
    """A good token, at the bare address, of an account that only answers at its own."""
    if case.attempt.path_slug:
        return None
    for token, text in live(case.known.secrets):
        account = token.account
        if not account.answers_at_root and case.is_signed_with(text):
            return Explanation(
                "account_not_at_root",
                _("“{account}” does not answer at /").format(account=account),
                _(
                    "WeChat called the bare address / with the token of “{account}”, which does "
                    "not answer there."
                ).format(account=account),
                _("Put its server URL {url} into the console and press Submit (提交).").format(
                    url=account.server_url
                ),
                (account,),
            )
    return None


def token_since_added(case: Case) -> Explanation | None:
    """Refused then, but one of today's live tokens fits: the token came later."""
    for token, text in live(case.own_secrets()):
        if token.created_at > case.attempt.recorded_at and case.is_signed_with(text):
            return Explanation(
                "token_since_added",
                _("token came later"),
                _(
                    "WeChat signed this with a token that “{account}” was given only later, "
                    "on {date}."
                ).format(account=token.account, date=day(token.created_at)),
                _("Press Submit (提交) again."),
                (token.account,),
            )
    return None


def token_fits_today(case: Case) -> Explanation | None:
    """Refused then for its key, or because the account did not answer at the bare address."""
    for token, text in live(case.own_secrets()):
        if case.is_signed_with(text):
            return Explanation(
                "token_fits_today",
                _("token fits by now"),
                _(
                    "WeChat signed this with a token of “{account}” that did not fit then, but "
                    "does now: its key or the account's settings were changed."
                ).format(account=token.account),
                _("Press Submit (提交) again."),
                (token.account,),
            )
    return None


def token_retired(case: Case) -> Explanation | None:
    for token, text in case.own_secrets():
        if token.expires_at and not token.is_live_at(timezone.now()) and case.is_signed_with(text):
            return Explanation(
                "token_retired",
                _("retired token"),
                _("WeChat still uses the token of “{account}” that was retired on {date}.").format(
                    account=token.account, date=day(token.expires_at)
                ),
                _("Paste the current token into the console and press Submit (提交)."),
                (token.account,),
            )
    return None


def token_of_another_account(case: Case) -> Explanation | None:
    own = case.attempt.account
    for token, text in case.known.secrets:
        other = token.account
        if own is None or other == own or not case.is_signed_with(text):
            continue
        return Explanation(
            "token_of_another_account",
            _("token of “{other}”").format(other=other),
            _(
                "WeChat signed this with the token of “{other}”, but the URL belongs to “{own}”."
            ).format(other=other, own=own),
            _("Put {own}'s own token, or {other}'s own URL, into that console.").format(
                other=other, own=own
            ),
            (own, other),
        )
    return None


def token_cut_or_doubled(case: Case) -> Explanation | None:
    for token, text in case.own_secrets():
        if any(case.is_signed_with(variant) for variant in cut_or_doubled(text)):
            return Explanation(
                "token_cut_or_doubled",
                _("token cut or doubled"),
                _(
                    "The token in WeChat is the one of “{account}” with characters missing or "
                    "pasted twice."
                ).format(account=token.account),
                _("Clear the field, copy the whole token again and press Submit (提交)."),
                (token.account,),
            )
    return None


def token_in_other_case(case: Case) -> Explanation | None:
    for token, text in case.own_secrets():
        variants = {text.lower(), text.upper(), text.swapcase(), text.capitalize()} - {text}
        if any(case.is_signed_with(variant) for variant in variants):
            return Explanation(
                "token_in_other_case",
                _("token in other case"),
                _(
                    "The token in WeChat differs from the one of “{account}” only in capital "
                    "letters."
                ).format(account=token.account),
                _("Copy and paste it instead of typing."),
                (token.account,),
            )
    return None


def token_unknown(case: Case) -> Explanation:
    account = case.attempt.account
    return Explanation(
        "token_unknown",
        _("unknown token"),
        _("The token in WeChat is none that was ever stored here for “{account}”.").format(
            account=case.name
        ),
        _(
            "Reveal the token on the account page, paste it into Token (令牌) in the console and "
            "press Submit (提交)."
        ),
        (account,) if account else (),
    )


def live(secrets: Iterable[tuple[Token, str]]) -> Iterator[tuple[Token, str]]:
    now = timezone.now()
    return ((token, text) for token, text in secrets if token.is_live_at(now))


def cut_or_doubled(text: str) -> Iterator[str]:
    """What a slipping hand pastes: a part of the token, all but one character, or it twice."""
    for length in range(1, len(text)):
        yield text[:length]
        yield text[length:]
        yield text[: length - 1] + text[length:]
    yield text + text
