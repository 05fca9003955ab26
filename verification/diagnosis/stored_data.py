"""Reads what is stored now, once for any number of attempts."""

from __future__ import annotations

from functools import cached_property

from django.db import models

from verification.diagnosis.search import Search
from verification.diagnosis.values import list_values
from verification.fields import UndecryptableSecret
from verification.models import AESKey, ChangeEvent, OfficialAccount, Token
from verification.models.account import MAX_ACCOUNTS_AT_ROOT, current_token_of
from verification.models.rotating_secret import RotatingSecret


class StoredData:
    """The tokens, accounts and pauses stored now; each is read once for any number of attempts.

    The search for mistakes is bounded in a list, and not for a single attempt.
    """

    def __init__(self, *, is_list: bool = True) -> None:
        self.is_list = is_list

    @cached_property
    def tokens(self) -> dict[int, Token]:
        return {token.id: token for token in Token.objects.select_related("account")}

    @cached_property
    def secrets(self) -> list[tuple[Token, str]]:
        """Every token that can be decrypted, with its text."""
        return [(token, text) for token in self.tokens.values() if (text := _reveal(token))]

    @cached_property
    def aes_keys(self) -> list[tuple[AESKey, str]]:
        """Every EncodingAESKey that can be decrypted, with its text."""
        keys = AESKey.objects.select_related("account")
        return [(key, text) for key in keys if (text := _reveal(key))]

    @cached_property
    def search(self) -> Search:
        """The stored values, to look for mistakes in them."""
        values = list_values(self.secrets, self.aes_keys, self.accounts.values())
        return Search(values, is_list=self.is_list)

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

    def ids_at_root(self, *, is_wecom: bool) -> list[int]:
        """Return the accounts whose tokens are compared at the bare domain.

        A call is compared with those of WeCom apps, or with those of the others.
        """
        answering = sorted(a.pk for a in self.accounts.values() if a.answers_at_root)
        first = answering[:MAX_ACCOUNTS_AT_ROOT]
        return [pk for pk in first if self.accounts_by_id[pk].is_wecom == is_wecom]

    @cached_property
    def former_slugs(self) -> dict[str, ChangeEvent]:
        """The change event by which an account lost each slug: changed, or deleted."""
        deleted = models.Q(action=ChangeEvent.Action.ACCOUNT_DELETED)
        moved = models.Q(action=ChangeEvent.Action.ACCOUNT_CHANGED, facts__changes__has_key="slug")
        events = ChangeEvent.objects.filter(deleted | moved).order_by("id")
        return {_lost_slug(event): event for event in events}

    @cached_property
    def pauses(self) -> list[ChangeEvent]:
        """The change events of paused accounts, newest first."""
        events = ChangeEvent.objects.filter(action=ChangeEvent.Action.ACCOUNT_PAUSED)
        return list(events.order_by("-id"))

    def current_token(self, account: OfficialAccount) -> Token | None:
        tokens = (token for token in self.tokens.values() if token.account_id == account.pk)
        return current_token_of(tokens)


def _lost_slug(event: ChangeEvent) -> str:
    changed = event.facts.get("changes", {}).get("slug")
    return str(changed[0] if changed else event.facts.get("slug", ""))


def _reveal(secret: RotatingSecret) -> str:
    """Return the text, or an empty one if it was purged or cannot be decrypted."""
    try:
        return secret.secret.reveal() if secret.secret else ""
    except UndecryptableSecret:
        return ""
