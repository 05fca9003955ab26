"""Defines what causes and remarks receive, and what they return."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.fields import UndecryptableSecret
from verification.models import ChangeEvent, OfficialAccount, Token, VerificationAttempt
from verification.models.account import current_token_of
from verification.protocol.enums import Outcome, Reason
from verification.protocol.signature import compute_signatures, verify_signature


@dataclass(frozen=True)
class Explanation:
    """Says what happened, in a few words and in a sentence, and what to do about it."""

    summary: str
    what_happened: str
    what_to_do: str
    accounts: tuple[OfficialAccount, ...] = ()
    signed_with: Token | None = None  #: the stored token that made exactly this signature
    depends_on_tokens: bool = False  #: may differ once tokens have changed
    event: ChangeEvent | None = None  #: the change that is the cause
    is_harmless: bool = False  #: a stranger's request that needs no action
    cause: str = ""  #: the name of the function that explained it

    @property
    def full_text(self) -> str:
        return _("{what_happened} {what_to_do}").format(
            what_happened=self.what_happened, what_to_do=self.what_to_do
        )


@dataclass(frozen=True)
class Remark:
    """Describes something unusual about an attempt, whatever its cause is."""

    text: str
    attempt: VerificationAttempt | None = None  #: another attempt that the text refers to
    name: str = ""  #: the name of the function that made it


class StoredData:
    """The tokens, accounts and pauses stored now; each is read once for any number of attempts."""

    @cached_property
    def tokens(self) -> dict[int, Token]:
        return {token.id: token for token in Token.objects.select_related("account")}

    @cached_property
    def secrets(self) -> list[tuple[Token, str]]:
        """Every token that can be decrypted, with its text."""
        return [(token, text) for token in self.tokens.values() if (text := _reveal(token))]

    @cached_property
    def secrets_by_account(self) -> dict[int, list[tuple[Token, str]]]:
        by_account: dict[int, list[tuple[Token, str]]] = {}
        for token, text in self.secrets:
            by_account.setdefault(token.account_id, []).append((token, text))
        return by_account

    @cached_property
    def undecryptable(self) -> list[Token]:
        """The tokens that no key of TOKEN_ENCRYPTION_KEYS decrypts."""
        tokens = self.tokens.values()
        return [token for token in tokens if token.secret and not token.is_decryptable]

    @cached_property
    def accounts(self) -> dict[str, OfficialAccount]:
        return {account.slug: account for account in OfficialAccount.objects.all()}

    @cached_property
    def accounts_by_id(self) -> dict[int, OfficialAccount]:
        return {account.pk: account for account in self.accounts.values()}

    @cached_property
    def pauses(self) -> list[ChangeEvent]:
        """The change events of paused accounts, newest first."""
        events = ChangeEvent.objects.filter(action=ChangeEvent.Action.ACCOUNT_PAUSED)
        return list(events.order_by("-id"))

    def current_token(self, account: OfficialAccount) -> Token | None:
        tokens = (token for token in self.tokens.values() if token.account_id == account.pk)
        return current_token_of(tokens)


@dataclass(frozen=True)
class Evidence:
    """Holds an attempt and the stored data that causes compare it with."""

    attempt: VerificationAttempt
    stored: StoredData

    @property
    def name(self) -> str:
        """The name of the account, or “the bare domain”."""
        return str(self.attempt.account or _("the bare domain"))

    @property
    def accepted_token(self) -> Token | None:
        """The token that the attempt was accepted with; None if it was refused."""
        is_accepted = self.attempt.outcome == Outcome.ACCEPTED
        return self.stored.tokens.get(self.attempt.token_id or 0) if is_accepted else None

    def is_refused_for(self, *reasons: Reason) -> bool:
        return self.attempt.reason in reasons

    @cached_property
    def signature(self) -> bytes:
        return bytes(self.attempt.signature or b"")

    def is_signed_with(self, text: str) -> bool:
        attempt = self.attempt
        return verify_signature(text, attempt.timestamp, attempt.nonce, self.signature)

    def is_signed_with_one_of(self, texts: Iterable[bytes]) -> bool:
        """Return whether one of the texts, used as the token, makes the signature."""
        attempt = self.attempt
        if not self.signature:
            return False
        return self.signature in compute_signatures(texts, attempt.timestamp, attempt.nonce)

    def is_hash_of(self, text: str) -> bool:
        """Return whether the signature is the SHA-1 of `text`, however the sender composed it."""
        return hashlib.sha1(text.encode(), usedforsecurity=False).digest() == self.signature

    @staticmethod
    def live(secrets: Iterable[tuple[Token, str]]) -> Iterator[tuple[Token, str]]:
        now = timezone.now()
        return ((token, text) for token, text in secrets if token.is_live_at(now))

    def own_secrets(self) -> list[tuple[Token, str]]:
        """Return the secrets of the account that was called; at the bare domain, all secrets."""
        if not self.attempt.path_slug:
            return self.stored.secrets
        return self.stored.secrets_by_account.get(self.attempt.account_id or 0, [])

    def own_undecryptable(self) -> list[Token]:
        """Return the tokens that own_secrets() leaves out, because no key decrypts them."""
        return [token for token in self.stored.undecryptable if self._is_own(token)]

    def _is_own(self, token: Token) -> bool:
        return not self.attempt.path_slug or self.attempt.account_id == token.account_id

    def was_live(self, token: Token) -> bool:
        """Return whether the token was valid at the time of the attempt."""
        recorded_at = self.attempt.recorded_at
        return token.created_at <= recorded_at and token.is_live_at(recorded_at)


def _reveal(token: Token) -> str:
    """Return the text of the token, or an empty one if it was purged or cannot be decrypted."""
    try:
        return token.secret.reveal() if token.secret else ""
    except UndecryptableSecret:
        return ""
