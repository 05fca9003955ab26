"""Causes that only a script which imitates WeChat can have: WeChat never signs like this."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from django.utils.translation import gettext as _

from verification.diagnosis.evidence import Evidence, Explanation
from verification.models import Token

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
SEPARATORS = [",", ", ", "&", " ", "\n", "+", "|", ":"]


def blanks_around_token(evidence: Evidence) -> Explanation | None:
    for token, text in evidence.own_secrets():
        for name, character in stray_characters():
            around = (text + character, character + text, character + text + character)
            if evidence.is_signed_with_one_of(form.encode() for form in around):
                return signed_by_script(
                    token,
                    _("{character} around the token").format(character=name),
                    _(
                        "A script, not WeChat, signed this with the token of “{account}” and "
                        "{character} before or after it."
                    ).format(account=token.account, character=name),
                    _("Strip the token in the script where it reads it."),
                )
    return None


def stray_characters() -> list[tuple[str, str]]:
    """Return the characters that files and shells leave around a value, each with its name."""
    return [
        (_("a space"), " "),
        (_("a line break"), "\n"),
        (_("a line break"), "\r\n"),
        (_("a tab"), "\t"),
        (_("a byte order mark (BOM)"), BOM),
        (_("quotation marks"), '"'),
        (_("quotation marks"), "'"),
    ]


def sorted_as_numbers(evidence: Evidence) -> Explanation | None:
    """Recognize parts sorted as numbers, which is the default of PHP's sort()."""
    for token, order in orders_of_parts(evidence):
        if is_in_order_of_numbers(order) and evidence.is_hash_of("".join(order)):
            return signed_by_script(
                token,
                _("parts sorted as numbers"),
                _(
                    "A script, not WeChat, signed this with the token of “{account}”, but sorted "
                    "the parts as numbers."
                ).format(account=token.account),
                _("Sort token, timestamp and nonce as text in the script, before they are joined."),
            )
    return None


def is_in_order_of_numbers(parts: tuple[str, ...]) -> bool:
    """Return whether the numbers among the parts are sorted as numbers and not as text.

    The position of the other parts is ignored, because it is the same in both orders.
    """
    texts = [part for part in parts if part.isdecimal()]
    return texts == sorted(texts, key=int) != sorted(texts)


def not_sorted(evidence: Evidence) -> Explanation | None:
    for token, order in orders_of_parts(evidence):
        if evidence.is_hash_of("".join(order)):
            return signed_by_script(
                token,
                _("parts not sorted"),
                _(
                    "A script, not WeChat, signed this with the token of “{account}”, but did not "
                    "sort the parts."
                ).format(account=token.account),
                _("Sort token, timestamp and nonce as text in the script, before they are joined."),
            )
    return None


def orders_of_parts(evidence: Evidence) -> Iterator[tuple[Token, tuple[str, ...]]]:
    """Yield the parts in every order except the correct one, with their token."""
    for token, text in evidence.own_secrets():
        parts = (text, evidence.attempt.timestamp, evidence.attempt.nonce)
        for order in permutations(parts):
            if list(order) != sorted(parts):
                yield token, order


def separator_between_parts(evidence: Evidence) -> Explanation | None:
    """Recognize a separator, such as the comma that JavaScript's Array.toString() inserts."""
    for token, text in evidence.own_secrets():
        parts = sorted((text, evidence.attempt.timestamp, evidence.attempt.nonce))
        if any(evidence.is_hash_of(separator.join(parts)) for separator in SEPARATORS):
            return signed_by_script(
                token,
                _("separator between the parts"),
                _(
                    "A script, not WeChat, signed this with the token of “{account}”, but put a "
                    "comma or another separator between the parts."
                ).format(account=token.account),
                _("Join token, timestamp and nonce in the script with nothing between them."),
            )
    return None


def echostr_in_signature(evidence: Evidence) -> Explanation | None:
    echostr = evidence.attempt.echostr
    for token, text in evidence.own_secrets() if echostr else ():
        three = [text, evidence.attempt.timestamp, evidence.attempt.nonce]
        joined = ["".join(sorted([*three, echostr])), "".join(sorted(three)) + echostr]
        if any(map(evidence.is_hash_of, joined)):
            return signed_by_script(
                token,
                _("echostr in the signature"),
                _(
                    "A script, not WeChat, signed this with the token of “{account}”, but hashed "
                    "the echostr as well, as only WeCom does."
                ).format(account=token.account),
                _("Leave the echostr out of the signature in the script."),
            )
    return None


def signed_by_script(token: Token, summary: str, happened: str, to_do: str) -> Explanation:
    return Explanation(summary, happened, to_do, (token.account,), depends_on_tokens=True)
