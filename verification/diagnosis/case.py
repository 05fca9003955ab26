"""The words of the diagnosis: an explanation, the case it explains, and what is known today."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from django.utils.translation import gettext as _

from verification.fields import UndecryptableSecret
from verification.models import ChangeEvent, OfficialAccount, Token, VerificationAttempt
from verification.protocol.signature import verify_signature
from verification.protocol.words import Reason


@dataclass(frozen=True)
class Explanation:
    """What happened, in a few words and in a sentence, and what to do, in another."""

    cause: str
    in_short: str
    what_happened: str
    what_to_do: str
    accounts: tuple[OfficialAccount, ...] = ()

    @property
    def in_full(self) -> str:
        return _("{what_happened} {what_to_do}").format(
            what_happened=self.what_happened, what_to_do=self.what_to_do
        )


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

    def is_refused_for(self, *reasons: Reason) -> bool:
        return self.attempt.reason in reasons

    def is_signed_with(self, text: str) -> bool:
        attempt = self.attempt
        signature = bytes(attempt.signature or b"")
        return verify_signature(text, attempt.timestamp, attempt.nonce, signature)

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
