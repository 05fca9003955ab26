"""The only place where secrets meet the disk."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cryptography.fernet import InvalidToken, MultiFernet
from django.db import models

from verification.keys import token_cipher

MASK = "••••••••"


class UndecryptableSecret(Exception):
    """A secret was stored under a key that TOKEN_ENCRYPTION_KEYS no longer holds."""


class Secret:
    """An encrypted text that has to be asked for: str(), repr() and templates show a mask."""

    __slots__ = ("ciphertext",)

    def __init__(self, ciphertext: str) -> None:
        self.ciphertext = ciphertext

    @classmethod
    def of(cls, text: str) -> Secret:
        return cls(token_cipher().encrypt(text.encode()).decode("ascii"))

    def reveal(self) -> str:
        """The plain text. Raises UndecryptableSecret."""
        try:
            return _decrypt(self.ciphertext, token_cipher())
        except InvalidToken as error:
            raise UndecryptableSecret(
                "A stored token cannot be decrypted with TOKEN_ENCRYPTION_KEYS."
            ) from error

    def reencrypt(self) -> Secret:
        """The same secret under the newest key. Raises UndecryptableSecret."""
        return Secret.of(self.reveal())

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK})"


@lru_cache(maxsize=4096)
def _decrypt(ciphertext: str, cipher: MultiFernet) -> str:
    """By ciphertext, never by account: whoever has not just read it from the database has nothing
    to ask with, so that rotating and pausing take effect at once."""
    return cipher.decrypt(ciphertext).decode()


if TYPE_CHECKING:
    SecretField = models.TextField[Secret | str | None, Secret | None]
else:
    SecretField = models.TextField


class EncryptedTextField(SecretField):
    """Holds a Secret, or None. '' stays '' so that a CHECK can refuse it."""

    def from_db_value(self, value: str | None, *_: Any) -> Secret | str | None:
        return Secret(value) if value else value

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> str | None:
        if isinstance(value, Secret):
            return value.ciphertext
        if value:
            raise TypeError("Only a Secret can be stored here: Secret.of(text).")
        return None if value is None else ""

    def value_to_string(self, obj: models.Model) -> str:
        raise ValueError(
            "Tokens are not serialised; back up with pg_dump, which keeps them encrypted."
        )
