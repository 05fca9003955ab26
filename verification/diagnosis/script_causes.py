"""Causes that only a script has which plays WeChat: WeChat itself never signs like that."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

from django.utils.translation import gettext as _

from verification.diagnosis.case import Case, Explanation
from verification.models import Token

BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
BETWEEN = [",", ", ", "&", " ", "\n", "+", "|", ":"]


def blanks_around_token(case: Case) -> Explanation | None:
    for token, text in case.own_secrets():
        for name, character in stray_characters():
            around = (text + character, character + text, character + text + character)
            if case.is_signed_with_one_of(form.encode() for form in around):
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
    """What a file or a shell leaves at the ends of a value."""
    return [
        (_("a space"), " "),
        (_("a line break"), "\n"),
        (_("a line break"), "\r\n"),
        (_("a tab"), "\t"),
        (_("a byte order mark (BOM)"), BOM),
        (_("quotation marks"), '"'),
        (_("quotation marks"), "'"),
    ]


def sorted_as_numbers(case: Case) -> Explanation | None:
    """As PHP's sort() does where nobody tells it otherwise."""
    for token, order in orders_of_parts(case):
        if is_in_order_of_numbers(order) and case.is_hash_of("".join(order)):
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
    """Of numbers, and not of text: what lies between them does not tell the two apart."""
    texts = [part for part in parts if part.isdecimal()]
    return texts == sorted(texts, key=int) != sorted(texts)


def not_sorted(case: Case) -> Explanation | None:
    for token, order in orders_of_parts(case):
        if case.is_hash_of("".join(order)):
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


def orders_of_parts(case: Case) -> Iterator[tuple[Token, tuple[str, ...]]]:
    """Every order but the right one."""
    for token, text in case.own_secrets():
        parts = (text, case.attempt.timestamp, case.attempt.nonce)
        for order in permutations(parts):
            if list(order) != sorted(parts):
                yield token, order


def something_between(case: Case) -> Explanation | None:
    """As JavaScript's toString() puts a comma between the items of a list."""
    for token, text in case.own_secrets():
        parts = sorted((text, case.attempt.timestamp, case.attempt.nonce))
        if any(case.is_hash_of(between.join(parts)) for between in BETWEEN):
            return signed_by_script(
                token,
                _("something between the parts"),
                _(
                    "A script, not WeChat, signed this with the token of “{account}”, but put a "
                    "comma or the like between the parts."
                ).format(account=token.account),
                _("Join token, timestamp and nonce in the script with nothing between them."),
            )
    return None


def echostr_hashed_in(case: Case) -> Explanation | None:
    echostr = case.attempt.echostr
    for token, text in case.own_secrets() if echostr else ():
        three = [text, case.attempt.timestamp, case.attempt.nonce]
        joined = ["".join(sorted([*three, echostr])), "".join(sorted(three)) + echostr]
        if any(map(case.is_hash_of, joined)):
            return signed_by_script(
                token,
                _("echostr hashed in"),
                _(
                    "A script, not WeChat, signed this with the token of “{account}”, but hashed "
                    "the echostr as well, as only WeCom does."
                ).format(account=token.account),
                _("Leave the echostr out of the signature in the script."),
            )
    return None


def signed_by_script(token: Token, summary: str, happened: str, to_do: str) -> Explanation:
    return Explanation(summary, happened, to_do, (token.account,), as_known_today=True)
