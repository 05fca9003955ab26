"""Judging a callback by the tokens that are live at this moment."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import cached_property, lru_cache
from itertools import compress, groupby
from operator import attrgetter
from typing import NamedTuple

from django.conf import settings

from verification.callbacks.store import AccountTokenRow
from verification.fields import Secret, UndecryptableSecret
from verification.models.account import MAX_ACCOUNTS_AT_ROOT, generate_secret
from verification.protocol.callback import Callback
from verification.protocol.enums import Outcome, Reason
from verification.protocol.reply import Verdict
from verification.protocol.signature import verify_signatures

logger = logging.getLogger(__name__)


class CandidateAccount(NamedTuple):
    id: int
    slug: str
    is_paused: bool
    answers_at_root: bool


class LiveToken(NamedTuple):
    """A current token, or a previous one that is still valid."""

    id: int
    account_id: int
    secret: Secret
    is_unused: bool


class Candidates:
    """What one callback may be signed by: at a server URL one account, at / up to 50."""

    def __init__(self, accounts: list[CandidateAccount], tokens: list[LiveToken]) -> None:
        self.accounts, self.tokens = accounts, tokens

    @cached_property
    def by_id(self) -> dict[int, CandidateAccount]:
        return {account.id: account for account in self.accounts}

    @cached_property
    def secrets(self) -> list[bytes]:
        """Of the tokens; without any a dummy, so that nobody's takes as long as somebody's."""
        if not self.tokens:
            return [_reveal(_dummy_secret(tuple(settings.TOKEN_ENCRYPTION_KEYS)))]
        return [_reveal(token.secret) for token in self.tokens]


class Accounts:
    """The accounts that a batch calls, with their live tokens, by where they answer."""

    def __init__(self, standings: Iterable[AccountTokenRow]) -> None:
        self.by_id: dict[int, CandidateAccount] = {}
        self.by_slug: dict[str, Candidates] = {}
        self.nobody = Candidates([], [])
        for _, own in groupby(standings, key=attrgetter("account_id")):
            rows = list(own)
            account = CandidateAccount(*rows[0][:4])
            tokens = [
                LiveToken(row.token_id, account.id, Secret(row.ciphertext), row.is_unused)
                for row in rows
                if row.token_id is not None
            ]
            self.by_id[account.id] = account
            self.by_slug[account.slug] = Candidates([account], tokens)

    def called_by(self, callback: Callback) -> Candidates:
        if not callback.path_slug:
            return self.at_root
        return self.by_slug.get(callback.path_slug, self.nobody)

    def slug_of(self, account_id: int | None) -> str | None:
        return self.by_id[account_id].slug if account_id else None

    @property
    def unused_tokens(self) -> set[int]:
        """The ids of those that WeChat has not signed with yet."""
        places = self.by_slug.values()
        return {token.id for it in places for token in it.tokens if token.is_unused}

    @cached_property
    def at_root(self) -> Candidates:
        answering = [it for it in self.by_slug.values() if it.accounts[0].answers_at_root]
        accounts = [it.accounts[0] for it in answering[:MAX_ACCOUNTS_AT_ROOT]]
        tokens = [token for it in answering[:MAX_ACCOUNTS_AT_ROOT] for token in it.tokens]
        return Candidates(accounts, sorted(tokens, key=attrgetter("id"), reverse=True))


def judge(callback: Callback, called: Candidates) -> Verdict:
    """Decide by the signature alone, as WeChat's rules have it.

    Unknown, paused and wrong do the same work, so that the time tells nobody which it was.
    """
    own = called.accounts[0] if callback.path_slug and called.accounts else None
    if callback.error is not None:
        error = callback.error
        return _refuse(error.reason, own, status=error.status, detail=error.detail)
    token = _find_match(callback, called)
    account = called.by_id[token.account_id] if token else own
    if not called.accounts:
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


def _find_match(callback: Callback, called: Candidates) -> LiveToken | None:
    """The live token that signed, of several that of an account which is not paused."""
    signature = callback.signature or b""
    found = verify_signatures(called.secrets, callback.timestamp, callback.nonce, signature)
    matches = [*compress(called.tokens, found)]
    if not matches:
        return None
    return min(matches, key=lambda token: called.by_id[token.account_id].is_paused)


def _reveal(secret: Secret) -> bytes:
    try:
        return secret.reveal().encode()
    except UndecryptableSecret as error:
        logger.error("%s", error)
        return b""  # matches nothing


@lru_cache(maxsize=1)
def _dummy_secret(_keys: tuple[str, ...]) -> Secret:
    """Compared where there is no token; made anew when the keys change."""
    return Secret.of(generate_secret())


def _refuse(
    reason: Reason, account: CandidateAccount | None, *, status: int = 403, detail: str = ""
) -> Verdict:
    return Verdict(
        outcome=Outcome.REFUSED,
        status=status,
        reason=reason,
        detail=detail,
        account_id=account.id if account else None,
    )
