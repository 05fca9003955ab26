"""Make tokens undecryptable, as they are when TOKEN_ENCRYPTION_KEYS lacks their key."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.test import override_settings

from verification.fields import Secret
from verification.models import AESKey, OfficialAccount, Token
from verification.tests.support.accounts import record_as_they_are

LOST_KEY = "the-key-that-was-lost-" * 2


def lose_key(account: OfficialAccount, **which: Any) -> None:
    """Encrypt the tokens of the account with a key that no server has, and record that."""
    for token in account.tokens.filter(secret__isnull=False, **which):
        assert token.secret is not None
        text = token.secret.reveal()
        with override_settings(TOKEN_ENCRYPTION_KEYS=[LOST_KEY]):
            Token.objects.filter(pk=token.pk).update(secret=Secret.of(text))
    record_as_they_are()


def lose_aes_keys(account: OfficialAccount) -> None:
    """Encrypt the EncodingAESKeys of the account with a key that no server has."""
    for key in account.aes_keys.filter(secret__isnull=False):
        assert key.secret is not None
        text = key.secret.reveal()
        with override_settings(TOKEN_ENCRYPTION_KEYS=[LOST_KEY]):
            AESKey.objects.filter(pk=key.pk).update(secret=Secret.of(text))
    record_as_they_are()


@contextmanager
def without_key(account: OfficialAccount) -> Iterator[None]:
    """Make the tokens of the account undecryptable until the block ends."""
    secrets = dict(account.tokens.values_list("pk", "secret"))
    lose_key(account)
    yield
    for pk, secret in secrets.items():
        Token.objects.filter(pk=pk).update(secret=secret)
    record_as_they_are()
