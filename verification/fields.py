"""Encrypt secrets before they are stored. No other module writes a secret to the database."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import InvalidToken, MultiFernet
from django.db import models

from verification.keys import token_cipher

MASK = "••••••••"


class UndecryptableSecret(Exception):
    """The secret was encrypted with a key that is no longer in TOKEN_ENCRYPTION_KEYS."""


class Secret:
    """Holds an encrypted text, which only reveal() returns. str() and templates show a mask."""

    __slots__ = ("ciphertext",)

    def __init__(self, ciphertext: str) -> None:
        self.ciphertext = ciphertext

    @classmethod
    def of(cls, text: str) -> Secret:
        """Return a secret that holds this plain text, encrypted with the newest key."""
        return cls(token_cipher().encrypt(text.encode()).decode("ascii"))

    @property
    def is_decryptable(self) -> bool:
        return _decrypt(self.ciphertext, token_cipher()) is not None

    def reveal(self) -> str:
        """Return the plain text. Raises UndecryptableSecret."""
        text = _decrypt(self.ciphertext, token_cipher())
        if text is None:
            raise UndecryptableSecret(
                "A stored secret cannot be decrypted, because TOKEN_ENCRYPTION_KEYS lacks the key "
                "that encrypted it."
            )
        return text

    def reencrypt(self) -> Secret:
        """Return the same secret, encrypted with the newest key. Raises UndecryptableSecret."""
        return Secret.of(self.reveal())

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK})"


@lru_cache(maxsize=4096)
def _decrypt(ciphertext: str, cipher: MultiFernet) -> str | None:
    """Decrypt, and cache the result by ciphertext, never by account. None if no key fits.

    A caller must have just read the ciphertext from the database, so rotating and pausing take
    effect at once. A failure is cached as well, so that the time of an answer does not reveal it.
    """
    try:
        return cipher.decrypt(ciphertext).decode()
    except InvalidToken:
        return None


if TYPE_CHECKING:
    SecretField = models.TextField[Secret | str | None, Secret | None]
else:
    SecretField = models.TextField


class EncryptedTextField(SecretField):
    """Stores a Secret or None. An empty string stays empty, so that a CHECK can refuse it."""

    def from_db_value(self, value: str | None, *_: Any) -> Secret | str | None:
        return Secret(value) if value else value

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> str | None:
        if isinstance(value, Secret):
            return value.ciphertext
        if value:
            raise TypeError("Only a Secret can be stored here. Use Secret.of(text).")
        return None if value is None else ""

    def value_to_string(self, obj: models.Model) -> str:
        raise ValueError(
            "Tokens are not serialized. Back up with pg_dump, which keeps them encrypted."
        )
