"""Derive a key for each purpose from TOKEN_ENCRYPTION_KEYS with HKDF-SHA256."""

from __future__ import annotations

import base64
import hmac
from functools import lru_cache

from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy

#: What to do if a token cannot be decrypted, in the same words everywhere.
MISSING_KEY_ADVICE = gettext_lazy(
    "Put the key that encrypted it back behind the newest one in TOKEN_ENCRYPTION_KEYS, keep the "
    "keys that are there, and restart all processes."
)


def token_cipher() -> MultiFernet:
    """Return a cipher that encrypts with the newest key and decrypts with any."""
    return _cipher(_master_keys(), b"token")


def payload_cipher() -> MultiFernet:
    """Return the cipher for waiting messages: another key than that for tokens."""
    return _cipher(_master_keys(), b"payload")


def seal_keys() -> dict[str, bytes]:
    """Return the keys that seal the log by their id, the newest first."""
    return {key_id(key): _derive(key, b"seal") for key in _master_keys()}


def compute_mac(key: bytes, text: bytes) -> bytes:
    """Return the HMAC-SHA256 of `text`.

    Anyone can compute a digest. Only someone with the key can extend a chain undetected.
    """
    return hmac.digest(key, text, "sha256")


def key_id(key: str) -> str:
    """Return eight hex digits that identify a key of TOKEN_ENCRYPTION_KEYS without showing it."""
    return _derive(key, b"key id")[:4].hex()


def newest_key_id() -> str:
    return key_id(_master_keys()[0])


def fingerprint(secret: str) -> str:
    """Return six hex digits that tell secrets apart, and are useless without the key."""
    key = _derive(_master_keys()[0], b"fingerprint")
    return compute_mac(key, secret.encode()).hex()[:6]


def self_test_key() -> bytes:
    """Return the key that proves that a callback is a self-test of this server."""
    return _derive(_master_keys()[0], b"self-test")


def message_id_key() -> bytes:
    """Return the key that turns messages and OpenIDs into ids that reveal neither.

    It comes from the oldest key, so that a new one changes neither the order of a follower's
    waiting messages nor the id of a repeat.
    """
    return _derive(_master_keys()[-1], b"message id")


def _master_keys() -> tuple[str, ...]:
    if not settings.TOKEN_ENCRYPTION_KEYS:
        raise ImproperlyConfigured("TOKEN_ENCRYPTION_KEYS is not set.")
    return tuple(settings.TOKEN_ENCRYPTION_KEYS)


@lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...], purpose: bytes) -> MultiFernet:
    return MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(key, purpose))) for key in keys])


@lru_cache(maxsize=64)
def _derive(key: str, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=purpose).derive(key.encode())
