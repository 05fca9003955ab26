"""Says that tokens cannot be decrypted, alone or beside another cause."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.names import join_sentences, name_accounts
from verification.keys import MISSING_KEY_ADVICE
from verification.models import OfficialAccount


def add_missing_key(evidence: Evidence, explanation: Explanation) -> Explanation:
    """Return the explanation, with the account's tokens that cannot be decrypted if there are any.

    The key comes first: without it, the account's page cannot show the token either.
    """
    lost = sorted({token.account for token in evidence.own_undecryptable()}, key=str)
    if not lost:
        return explanation
    return replace(
        explanation,
        what_happened=join_sentences(
            explanation.what_happened,
            _("Also: {sentence}").format(sentence=describe_missing_key(lost)),
        ),
        what_to_do=join_sentences(str(MISSING_KEY_ADVICE), explanation.what_to_do),
    )


def advise_missing_key(accounts: Collection[OfficialAccount]) -> str:
    """Return how to find out whether the token of one of these accounts was meant."""
    return _("To compare {accounts} as well: {advice}").format(
        accounts=name_accounts(accounts), advice=MISSING_KEY_ADVICE
    )


def explain_missing_key(accounts: Collection[OfficialAccount]) -> str:
    """Return that the tokens of these accounts cannot be decrypted, and what to do."""
    return _("{what_happened} {what_to_do}").format(
        what_happened=describe_missing_key(accounts), what_to_do=put_key_back()
    )


def describe_missing_key(accounts: Collection[OfficialAccount]) -> str:
    return ngettext(
        "This server cannot decrypt the token of {accounts}, because TOKEN_ENCRYPTION_KEYS lacks "
        "the key that encrypted it.",
        "This server cannot decrypt the tokens of {accounts}, because TOKEN_ENCRYPTION_KEYS lacks "
        "the key that encrypted them.",
        len(accounts),
    ).format(accounts=name_accounts(accounts))


def put_key_back() -> str:
    """Return what to do when a token cannot be decrypted."""
    return _("{advice} Change nothing in the console.").format(advice=MISSING_KEY_ADVICE)
