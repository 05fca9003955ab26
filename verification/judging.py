"""Judging a callback by the tokens that are live at this moment."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from django.conf import settings
from django.db.models import Q

from verification.fields import Secret, UndecryptableSecret
from verification.models import OfficialAccount, Token
from verification.models.official_account import MOST_AT_ROOT
from verification.models.token import generate_secret
from verification.protocol.callback import Callback
from verification.protocol.reply import Verdict
from verification.protocol.signature import verify_signature
from verification.protocol.words import Outcome, Reason

logger = logging.getLogger(__name__)


class Called(NamedTuple):
    """What one callback may be signed by: at a server URL one account, at / up to 50."""

    accounts: list[OfficialAccount]
    tokens: list[Token]


class Accounts:
    """The accounts that a batch calls, with the tokens that are live at `moment`."""

    def __init__(self, callbacks: Iterable[Callback], moment: datetime) -> None:
        slugs = {callback.path_slug for callback in callbacks}
        found = OfficialAccount.objects.filter(called("", slugs)).order_by("id")
        self.by_id = {account.id: account for account in found}
        # Joined, not looked up by the ids found: an unknown account costs a query as well.
        self.tokens = list(Token.objects.live_at(moment).filter(called("account__", slugs)))

    def called_by(self, callback: Callback) -> Called:
        accounts = [account for account in self.by_id.values() if answers(account, callback)]
        ids = {account.id for account in accounts[:MOST_AT_ROOT]}
        tokens = [token for token in self.tokens if token.account_id in ids]
        return Called(accounts[:MOST_AT_ROOT], tokens)


def called(prefix: str, slugs: set[str]) -> Q:
    """Accounts that a batch with these slugs calls; `prefix` leads from the model to them."""
    wanted = Q(**{f"{prefix}slug__in": slugs - {""}})
    return wanted | Q(**{f"{prefix}answers_at_root": True}) if "" in slugs else wanted


def answers(account: OfficialAccount, callback: Callback) -> bool:
    if callback.path_slug:
        return account.slug == callback.path_slug
    return account.answers_at_root


def judge(callback: Callback, called: Called) -> Verdict:
    """Decide by the signature alone, as WeChat's rules have it.

    Unknown, paused and wrong do the same work, so that the time tells nobody which it was.
    """
    accounts = {account.id: account for account in called.accounts}
    own = called.accounts[0] if callback.path_slug and accounts else None
    if callback.error is not None:
        error = callback.error
        return _refuse(error.reason, own, status=error.status, detail=error.detail)
    token = _find_match(callback, called)
    account = accounts[token.account_id] if token else own
    if not accounts:
        return _refuse(Reason.UNKNOWN_ACCOUNT, None)
    if account is not None and account.is_paused:
        return _refuse(Reason.PAUSED_ACCOUNT, account)
    if not called.tokens:
        return _refuse(Reason.NO_TOKEN, account)
    if token is None:
        return _refuse(Reason.SIGNATURE_MISMATCH, account)
    return Verdict(
        outcome=Outcome.ACCEPTED, status=200, account_id=token.account_id, token_id=token.id
    )


def _find_match(callback: Callback, called: Called) -> Token | None:
    """The live token that signed; every one is tried, whether or not an earlier one fits."""
    if not called.tokens:
        _signed_with(_dummy_secret(tuple(settings.TOKEN_ENCRYPTION_KEYS)), callback)
    matches = [
        token for token in called.tokens if token.secret and _signed_with(token.secret, callback)
    ]
    paused = {account.id for account in called.accounts if account.is_paused}
    return min(matches, key=lambda token: token.account_id in paused, default=None)


def _signed_with(secret: Secret, callback: Callback) -> bool:
    try:
        text = secret.reveal()
    except UndecryptableSecret as error:
        logger.error("%s", error)
        text = ""  # matches nothing
    signature = callback.signature or b""
    return verify_signature(text, callback.timestamp, callback.nonce, signature)


@lru_cache(maxsize=1)
def _dummy_secret(_keys: tuple[str, ...]) -> Secret:
    """Compared where there is no token; made anew when the keys change."""
    return Secret.of(generate_secret())


def _refuse(
    reason: Reason, account: OfficialAccount | None, *, status: int = 403, detail: str = ""
) -> Verdict:
    return Verdict(
        outcome=Outcome.REFUSED,
        status=status,
        reason=reason,
        detail=detail,
        account_id=account.id if account else None,
    )
