"""Judge callbacks by the tokens that are live at this moment."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from functools import cached_property, lru_cache
from itertools import compress, groupby
from operator import attrgetter
from typing import NamedTuple

from django.conf import settings
from django.utils import translation

from verification.callbacks.decryption import read_settings
from verification.callbacks.push_verdicts import judge_push
from verification.callbacks.store import AccountTokenRow
from verification.callbacks.wecom_verdicts import (
    find_encrypt,
    judge_wecom_push,
    judge_wecom_verification,
)
from verification.fields import Secret, UndecryptableSecret
from verification.keys import MISSING_KEY_ADVICE
from verification.models.account import MAX_ACCOUNTS_AT_ROOT, generate_secret
from verification.protocol.callback import Callback
from verification.protocol.encryption import BODY
from verification.protocol.enums import Outcome, Platform, Reason
from verification.protocol.reply import Verdict
from verification.protocol.signature import verify_signatures

logger = logging.getLogger(__name__)


class CandidateAccount(NamedTuple):
    id: int
    slug: str
    is_paused: bool
    answers_at_root: bool
    platform: int

    @property
    def is_wecom(self) -> bool:
        return self.platform == Platform.WECOM


class LiveToken(NamedTuple):
    """A current token, or a previous one that is still valid."""

    id: int
    account_id: int
    secret: Secret
    is_unused: bool
    slug: str  #: of the account


class Candidates:
    """Holds the accounts that may have signed a callback, and their live tokens.

    /wechat/SLUG has one candidate at most; / has up to MAX_ACCOUNTS_AT_ROOT.
    """

    def __init__(
        self,
        accounts: list[CandidateAccount],
        tokens: list[LiveToken],
        rows: dict[int, AccountTokenRow],
    ) -> None:
        self.accounts, self.tokens = accounts, tokens
        self.rows = rows  #: one of each account, by its id

    @cached_property
    def by_id(self) -> dict[int, CandidateAccount]:
        return {account.id: account for account in self.accounts}

    @cached_property
    def secrets(self) -> list[bytes]:
        """Return the tokens as bytes.

        Without tokens this is a dummy secret, so that unknown accounts take as long as known ones.
        """
        keys = tuple(settings.TOKEN_ENCRYPTION_KEYS)
        if not self.tokens:
            return [_dummy_secret(keys).reveal().encode()]
        return [_reveal(token.secret, token.slug, keys) for token in self.tokens]

    @property
    def has_undecryptable_token(self) -> bool:
        return not all(self.secrets)


class Accounts:
    """Holds the accounts that a batch calls, with their live tokens, by the path they answer at."""

    def __init__(self, rows: Iterable[AccountTokenRow]) -> None:
        self.by_id: dict[int, CandidateAccount] = {}
        self.by_slug: dict[str, Candidates] = {}
        self.rows: dict[int, AccountTokenRow] = {}
        self.no_candidates = Candidates([], [], {})
        for _, group in groupby(rows, key=attrgetter("account_id")):
            account_rows = list(group)
            account = CandidateAccount(*account_rows[0][:5])
            tokens = [
                LiveToken(
                    row.token_id, account.id, Secret(row.ciphertext), row.is_unused, account.slug
                )
                for row in account_rows
                if row.token_id is not None
            ]
            self.by_id[account.id] = account
            self.rows[account.id] = account_rows[0]
            self.by_slug[account.slug] = Candidates([account], tokens, self.rows)

    def candidates_for(self, callback: Callback) -> Candidates:
        if not callback.path_slug:
            of_wechat, of_wecom = self.at_root
            return of_wecom if callback.is_wecom_call else of_wechat
        return self.by_slug.get(callback.path_slug, self.no_candidates)

    def slug_of(self, account_id: int | None) -> str | None:
        return self.by_id[account_id].slug if account_id else None

    @property
    def unused_tokens(self) -> set[int]:
        """Return the ids of the tokens that WeChat has not signed with yet."""
        return {
            token.id
            for candidates in self.by_slug.values()
            for token in candidates.tokens
            if token.is_unused
        }

    @cached_property
    def at_root(self) -> tuple[Candidates, Candidates]:
        """Return the candidates for callbacks at /: for WeChat's calls, and for those of WeCom."""
        at_root = [
            candidates
            for candidates in self.by_slug.values()
            if candidates.accounts[0].answers_at_root
        ][:MAX_ACCOUNTS_AT_ROOT]
        return self._join(at_root, is_wecom=False), self._join(at_root, is_wecom=True)

    def _join(self, at_root: Iterable[Candidates], *, is_wecom: bool) -> Candidates:
        """Return the candidates of one kind as one, the newest token first."""
        answering = [one for one in at_root if one.accounts[0].is_wecom == is_wecom]
        accounts = [candidates.accounts[0] for candidates in answering]
        tokens = [token for candidates in answering for token in candidates.tokens]
        newest_first = sorted(tokens, key=attrgetter("id"), reverse=True)
        return Candidates(accounts, newest_first, self.rows)


def judge(callback: Callback, candidates: Candidates) -> Verdict:
    """Decide by the signature, as WeChat's rules require; of an encrypted text, also by its key.

    An unknown account, a paused one, a wrong token and one that cannot be decrypted take the same
    work, so that the response time does not reveal which it was.
    """
    called_account = candidates.accounts[0] if callback.path_slug and candidates.accounts else None
    if callback.error is not None:
        error = callback.error
        return _refuse(error.reason, called_account, status=error.status, detail=error.detail)
    encrypt = ""
    if callback.push is not None and callback.is_wecom_call:
        encrypt = find_encrypt(callback.push.body, is_at_root=not callback.path_slug)
        if not encrypt:
            return _refuse(Reason.MALFORMED_PARAMETER, called_account, status=400, detail=BODY)
    token = _find_match(callback, encrypt, candidates)
    account = candidates.by_id[token.account_id] if token else called_account
    refusal = _find_refusal(callback, candidates, account, token)
    if token is None or refusal:
        return refusal or _refuse(Reason.SIGNATURE_MISMATCH, account)
    accepted = Verdict(
        outcome=Outcome.ACCEPTED, status=200, account_id=token.account_id, token_id=token.id
    )
    if callback.push is None and not callback.is_wecom_call:
        return accepted
    account_settings = read_settings(candidates.rows[token.account_id])
    if callback.push is None:
        return judge_wecom_verification(callback, account_settings, accepted)
    text = token.secret.reveal()
    if encrypt:
        return judge_wecom_push(callback.push, encrypt, text, account_settings, accepted)
    return judge_push(callback, callback.push, text, account_settings, accepted)


def _find_refusal(
    callback: Callback,
    candidates: Candidates,
    account: CandidateAccount | None,
    token: LiveToken | None,
) -> Verdict | None:
    """Return the refusal that follows from the account, whether or not a token has signed."""
    if not candidates.accounts:
        return _refuse(Reason.UNKNOWN_ACCOUNT, None)
    if account is not None and account.is_paused:
        return _refuse(Reason.PAUSED_ACCOUNT, account)
    if account is not None and account.is_wecom != callback.is_wecom_call:
        # Refused like a wrong signature, so that the reply does not reveal the platform.
        detail = "msg_signature" if account.is_wecom else "signature"
        return _refuse(Reason.MISSING_PARAMETER, account, detail=detail)
    if not candidates.tokens:
        return _refuse(Reason.NO_TOKEN, account)
    if token is None and candidates.has_undecryptable_token:
        return _refuse(Reason.UNDECRYPTABLE_TOKEN, account)
    return None


def _find_match(callback: Callback, encrypt: str, candidates: Candidates) -> LiveToken | None:
    """Return the live token that signed the callback, with the encrypted text of a push, or None.

    If several accounts have the same token, one that is not paused is preferred.
    """
    signature, parts = callback.signature or b"", callback.signed_parts
    if encrypt:
        parts = (callback.timestamp, callback.nonce, encrypt)
    are_valid = verify_signatures(candidates.secrets, parts, signature)
    matches = [*compress(candidates.tokens, are_valid)]
    if not matches:
        return None
    return min(matches, key=lambda token: candidates.by_id[token.account_id].is_paused)


def _reveal(secret: Secret, slug: str, keys: tuple[str, ...]) -> bytes:
    try:
        return secret.reveal().encode()
    except UndecryptableSecret:
        _log_undecryptable(secret.ciphertext, slug, keys)
        return b""  # An empty token matches no signature.


@lru_cache(maxsize=4096)
def _log_undecryptable(_ciphertext: str, slug: str, _keys: tuple[str, ...]) -> None:
    """Log that a token cannot be decrypted: once for each token, not for each request."""
    with translation.override("en"):
        logger.error('A token of "%s" cannot be decrypted. %s', slug, MISSING_KEY_ADVICE)


@lru_cache(maxsize=1)
def _dummy_secret(_keys: tuple[str, ...]) -> Secret:
    """Return a random secret under the current keys. New keys get a new one."""
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
