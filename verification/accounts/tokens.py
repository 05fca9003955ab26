"""Rotates tokens, and finds tokens that several accounts have."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from verification.accounts.rotation import rotate
from verification.change_log import Actor
from verification.models import OfficialAccount, Token
from verification.models.account import validate_secret


def rotate_token(
    account: OfficialAccount,
    text: str,
    actor: Actor,
    *,
    keep_old: timedelta | None = None,
    replaces: int | None = None,
) -> Token:
    """Make `text` the current token of `account`, as rotate() does. Raises ValidationError."""
    validate_secret(text)
    return rotate(Token, account, text, actor, keep_old=keep_old, replaces=replaces)


def other_accounts_with(text: str, account: OfficialAccount) -> list[OfficialAccount]:
    """Return the other accounts where this token is valid now."""
    # Fingerprints cannot be compared: after a key rotation, older ones were made with another key.
    tokens = Token.objects.live_at(timezone.now()).exclude(account=account)
    return [token.account for token in tokens.select_related("account") if token.holds(text)]
