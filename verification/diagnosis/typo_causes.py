"""Causes that are typing or pasting mistakes: the console holds something like the token."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from verification.diagnosis.evidence import Evidence, Explanation
from verification.models import Token


def token_incomplete_or_doubled(evidence: Evidence) -> Explanation | None:
    for token, text in evidence.own_secrets():
        if evidence.is_signed_with_one_of(paste_mistakes(text.encode())):
            return Explanation(
                _("token incomplete or pasted twice"),
                _(
                    "The token in WeChat is the one of “{account}” with characters missing or "
                    "pasted twice."
                ).format(account=token.account),
                _("Clear the field, copy the whole token again and press Submit (提交)."),
                (token.account,),
                depends_on_tokens=True,
            )
    return None


def paste_mistakes(text: bytes) -> Iterator[bytes]:
    """Yield a first or last part of the token, the token without one character, and it twice.

    No part is shorter than half. Otherwise a person with permission to read explanations, but not
    tokens, could send guesses and find the token letter by letter.
    """
    for length in range(len(text) // 2, len(text)):
        yield text[:length]
        yield text[-length:]
    for position in range(len(text)):
        yield text[:position] + text[position + 1 :]
    yield text + text


def token_capitalized_wrongly(evidence: Evidence) -> Explanation | None:
    for token, text in evidence.own_secrets():
        variants = {text.lower(), text.upper(), text.swapcase(), text.capitalize()} - {text}
        if any(map(evidence.is_signed_with, variants)):
            return Explanation(
                _("wrong capitalization"),
                _(
                    "The token in WeChat differs from the one of “{account}” only in upper and "
                    "lower case."
                ).format(account=token.account),
                _("Copy and paste it instead of typing."),
                (token.account,),
                depends_on_tokens=True,
            )
    return None


def other_value_for_token(evidence: Evidence) -> Explanation | None:
    """Recognize another value that an admin page or the console shows near the token."""
    for token, _text in evidence.own_secrets():
        for name, value in values_near(token):
            if value and evidence.is_signed_with(value):
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
                    depends_on_tokens=True,
                )
    return None


def values_near(token: Token) -> list[tuple[str, str]]:
    account = token.account
    return [
        (_("AppID"), account.app_id),
        (_("original ID"), account.original_id),
        (_("fingerprint"), token.fingerprint),
        (_("slug"), account.slug),
    ]
