"""Names the accounts of an explanation, and joins its sentences."""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.models import OfficialAccount
from verification.models.choices import CALLERS, ID_NAMES, SUBMIT_BUTTONS
from verification.protocol.enums import Platform

#: Accounts that an explanation names at the bare domain, where up to 50 answer.
MAX_NAMES = 3


def name_accounts(accounts: Collection[OfficialAccount]) -> str:
    """Return the names of the accounts, at most MAX_NAMES of them, and the number of the others."""
    names = " · ".join(f"“{account}”" for account in [*accounts][:MAX_NAMES])
    others = len(accounts) - MAX_NAMES
    if others <= 0:
        return names
    return ngettext("{names} and {count} other", "{names} and {count} others", others).format(
        names=names, count=others
    )


def name_caller(*, is_wecom: bool) -> str:
    """Return who calls the server URL: WeChat or WeCom."""
    return str(CALLERS[_platform(is_wecom=is_wecom)])


def name_button(*, is_wecom: bool) -> str:
    """Return the button of the console that makes the platform call."""
    return str(SUBMIT_BUTTONS[_platform(is_wecom=is_wecom)])


def name_id(*, is_wecom: bool) -> str:
    """Return the name of the ID with which what is encrypted ends."""
    return str(ID_NAMES[_platform(is_wecom=is_wecom)])


def _platform(*, is_wecom: bool) -> int:
    return (Platform.WECOM if is_wecom else Platform.OFFICIAL_ACCOUNT).value


def join_sentences(*sentences: str) -> str:
    """Join the sentences that are not empty, as the language does."""
    return reduce(
        lambda first, second: _("{first} {second}").format(first=first, second=second),
        filter(None, sentences),
        "",
    ).strip()
