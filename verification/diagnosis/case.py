"""The words of the diagnosis: explanation, remark, the case they are about, what is known today."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.fields import UndecryptableSecret
from verification.models import ChangeEvent, OfficialAccount, Token, VerificationAttempt
from verification.protocol.enums import Outcome, Reason
from verification.protocol.signature import verify_signature


@dataclass(frozen=True)
class Explanation:
    """What happened, in a few words and in a sentence, and what to do, in another."""

    summary: str
    what_happened: str
    what_to_do: str
    accounts: tuple[OfficialAccount, ...] = ()
    signed_with: Token | None = None  #: the stored token whose signature it is, to the letter
    as_known_today: bool = False  #: with other tokens or accounts it might be told otherwise
    is_harmless: bool = False  #: a stranger called, and nobody needs to do anything
    cause: str = ""  #: the name of the function that found it

    @property
    def full_text(self) -> str:
        return _("{what_happened} {what_to_do}").format(
            what_happened=self.what_happened, what_to_do=self.what_to_do
        )


@dataclass(frozen=True)
class Remark:
    """What stands out beside the cause, whichever that is."""

    text: str
    attempt: VerificationAttempt | None = None  #: another one that it is about
    name: str = ""  #: of the function that made it


class Known:
    """What is known today, each read once for any number of attempts."""

    @cached_property
    def tokens(self) -> dict[int, Token]:
        return {token.id: token for token in Token.objects.select_related("account")}

    @cached_property
    def secrets(self) -> list[tuple[Token, str]]:
        """Every token that can still be read, decrypted."""
        return [(token, text) for token in self.tokens.values() if (text := _reveal(token))]

    @cached_property
    def accounts(self) -> dict[str, OfficialAccount]:
        return {account.slug: account for account in OfficialAccount.objects.all()}

    @cached_property
    def pauses(self) -> list[ChangeEvent]:
        """The latest first."""
        events = ChangeEvent.objects.filter(action=ChangeEvent.Action.ACCOUNT_PAUSED)
        return list(events.order_by("-id"))

    def current_token(self, account: OfficialAccount) -> Token | None:
        own = (token for token in self.tokens.values() if token.account_id == account.pk)
        return next((token for token in own if token.is_current), None)


@dataclass(frozen=True)
class Case:
    attempt: VerificationAttempt
    known: Known

    @property
    def name(self) -> str:
        """The account as people call it, or the bare address."""
        return str(self.attempt.account or _("the bare address /"))

    @property
    def matched(self) -> Token | None:
        """The token that it was accepted with."""
        is_accepted = self.attempt.outcome == Outcome.ACCEPTED
        return self.known.tokens.get(self.attempt.token_id or 0) if is_accepted else None

    def is_refused_for(self, *reasons: Reason) -> bool:
        return self.attempt.reason in reasons

    @cached_property
    def signature(self) -> bytes:
        return bytes(self.attempt.signature or b"")

    def is_signed_with(self, text: str) -> bool:
        attempt = self.attempt
        return verify_signature(text, attempt.timestamp, attempt.nonce, self.signature)

    def is_signed_with_one_of(self, texts: Iterable[bytes]) -> bool:
        """A hundred slips of each token for each row of a list: so without a call for each."""
        low, high = sorted((self.attempt.timestamp.encode(), self.attempt.nonce.encode()))
        both, sha1, signature = low + high, hashlib.sha1, self.signature
        for text in texts if signature else ():
            if text > low:
                joined = both + text if text > high else low + text + high
            else:
                joined = text + both
            if sha1(joined, usedforsecurity=False).digest() == signature:
                return True
        return False

    def is_hash_of(self, text: str) -> bool:
        """For what somebody hashed who did not do as WeChat does."""
        return hashlib.sha1(text.encode(), usedforsecurity=False).digest() == self.signature

    @staticmethod
    def live(secrets: Iterable[tuple[Token, str]]) -> Iterator[tuple[Token, str]]:
        now = timezone.now()
        return ((token, text) for token, text in secrets if token.is_live_at(now))

    def own_secrets(self) -> Iterator[tuple[Token, str]]:
        """Of the account that was called; at the bare address that may be any."""
        for token, text in self.known.secrets:
            if not self.attempt.path_slug or self.attempt.account_id == token.account_id:
                yield token, text


def _reveal(token: Token) -> str:
    try:
        return token.secret.reveal() if token.secret else ""
    except UndecryptableSecret:
        return ""
