"""Causes of a hand that slipped: the console holds something like the token."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from verification.diagnosis.case import Case, Explanation
from verification.models import Token


def token_cut_or_doubled(case: Case) -> Explanation | None:
    for token, text in case.own_secrets():
        if case.is_signed_with_one_of(cut_or_doubled(text.encode())):
            return Explanation(
                _("token cut or doubled"),
                _(
                    "The token in WeChat is the one of “{account}” with characters missing or "
                    "pasted twice."
                ).format(account=token.account),
                _("Clear the field, copy the whole token again and press Submit (提交)."),
                (token.account,),
                as_known_today=True,
            )
    return None


def cut_or_doubled(text: bytes) -> Iterator[bytes]:
    """What a slipping hand pastes: a part of the token, all but one character, or it twice.

    No part shorter than half: otherwise whoever may read explanations, but not tokens, could
    send guesses and find the token letter by letter.
    """
    for length in range(len(text) // 2, len(text)):
        yield text[:length]
        yield text[-length:]
    for position in range(len(text)):
        yield text[:position] + text[position + 1 :]
    yield text + text


def token_in_other_case(case: Case) -> Explanation | None:
    for token, text in case.own_secrets():
        variants = {text.lower(), text.upper(), text.swapcase(), text.capitalize()} - {text}
        if any(map(case.is_signed_with, variants)):
            return Explanation(
                _("token in other case"),
                _(
                    "The token in WeChat differs from the one of “{account}” only in capital "
                    "letters."
                ).format(account=token.account),
                _("Copy and paste it instead of typing."),
                (token.account,),
                as_known_today=True,
            )
    return None


def other_value_for_token(case: Case) -> Explanation | None:
    """Whatever else our pages or the console show beside the token, and a hand can copy."""
    for token, _text in case.own_secrets():
        for name, value in shown_beside(token):
            if value and case.is_signed_with(value):
                return Explanation(
                    _("{name} in place of the token").format(name=name),
                    _("The token in WeChat is the {name} of “{account}”.").format(
                        name=name, account=token.account
                    ),
                    _(
                        "Reveal the token on the account page, paste it into Token (令牌) in the "
                        "console and press Submit (提交)."
                    ),
                    (token.account,),
                    as_known_today=True,
                )
    return None


def shown_beside(token: Token) -> list[tuple[str, str]]:
    account = token.account
    return [
        (_("AppID"), account.app_id),
        (_("original ID"), account.original_id),
        (_("fingerprint"), token.fingerprint),
        (_("slug"), account.slug),
    ]
