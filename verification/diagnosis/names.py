"""Names the accounts of an explanation, and joins its sentences."""

from __future__ import annotations

from collections.abc import Collection
from functools import reduce

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.models import OfficialAccount

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


def join_sentences(*sentences: str) -> str:
    """Join the sentences that are not empty, as the language does."""
    return reduce(
        lambda first, second: _("{first} {second}").format(first=first, second=second),
        filter(None, sentences),
        "",
    ).strip()
