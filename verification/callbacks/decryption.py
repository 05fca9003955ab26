"""Decrypt messages, and the echostr of WeCom, with the EncodingAESKeys of an account."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Generic, NamedTuple, TypeVar

from verification.callbacks.store import AccountTokenRow
from verification.fields import Secret, UndecryptableSecret
from verification.models import Backend
from verification.models.backend import FAILURES_TO_OPEN
from verification.protocol.encryption import (
    BODY,
    KEY_LOST,
    UndecryptableMessage,
    decode_aes_key,
    decrypt_message_and_id,
)
from verification.protocol.message import MalformedMessage
from verification.protocol.reply import Target

T = TypeVar("T")


class LiveKey(NamedTuple):
    """A current EncodingAESKey, or a previous one that is still valid."""

    id: int
    is_unused: bool  #: it has not decrypted anything of WeChat's yet
    has_failed: bool  #: while it was unused
    secret: Secret


class AccountSettings(NamedTuple):
    """Holds what messages and the calls of WeCom are judged by, besides tokens."""

    receive_ids: Sequence[str]  #: with which what is encrypted may end
    keys: Sequence[LiveKey]  #: the newest first
    #: The account has a key, and this or an earlier one has decrypted something of WeChat's.
    is_encrypted: bool
    target: Target | None


def read_settings(row: AccountTokenRow) -> AccountSettings:
    """Return an account's settings. The row must have been read with them."""
    keys = []
    for text in (row.aes_keys or "").split():
        number, is_unused, has_failed, ciphertext = text.split(":")
        keys.append(LiveKey(int(number), is_unused == "1", has_failed == "1", Secret(ciphertext)))
    keys.sort(key=attrgetter("id"), reverse=True)
    target = None
    if row.backend_url:
        target = Target(
            account_id=row.account_id,
            slug=row.slug,
            url=row.backend_url,
            keeps_messages=row.on_failure == Backend.OnFailure.KEEP,
            secrets=tuple(filter(None, (row.secret, row.previous_secret))),
            is_failing=bool(row.failures),
            is_open=(row.failures or 0) >= FAILURES_TO_OPEN,
            is_probe_due=bool(row.is_probe_due),
            has_waiting=bool(row.has_waiting),
            forwards_decrypted=bool(row.forwards_decrypted),
        )
    receive_ids = [one for one in row.receive_ids.split("\n") if one]
    return AccountSettings(receive_ids, keys, bool(keys and row.was_encrypted), target)


class Decryption(NamedTuple, Generic[T]):
    """Says what came of decrypting a text with each of an account's keys."""

    plaintext: bytes | None = None
    content: T | None = None  #: what was read from the plaintext
    key: bytes | None = None  #: that fits
    receive_id: str = ""  #: with which the text ends
    first_used_key_id: int | None = None  #: if the key that fits is new
    problem: str = ""  #: why no key decrypts it; empty if one does, or if there is none
    #: One of the keys has decrypted something of WeChat's before. Until then, they may be mistyped.
    is_tested: bool = False
    failed_key_ids: tuple[int, ...] = ()  #: of new keys, for the first time

    def __repr__(self) -> str:
        return f"Decryption(problem={self.problem!r})"


def decrypt(encrypt: str, settings: AccountSettings, read: Callable[[bytes], T]) -> Decryption[T]:
    """Decrypt a text with the first of the account's keys that fits, and read what it holds.

    `read` raises MalformedMessage if the text holds something else.
    """
    problem, is_tested, is_key_lost = "", False, False
    failed: list[int] = []
    # The id is a part of each text, so without one no text can be compared.
    for key in settings.keys if settings.receive_ids else ():
        try:
            raw_key = decode_aes_key(key.secret.reveal())
        except UndecryptableSecret:  # which the account's page and an alert report
            is_key_lost = True
            continue
        try:
            plaintext, receive_id = decrypt_message_and_id(raw_key, encrypt, *settings.receive_ids)
            content = read(plaintext)
            first_used = key.id if key.is_unused else None
            return Decryption(
                plaintext, content, raw_key, receive_id, first_used, failed_key_ids=tuple(failed)
            )
        except UndecryptableMessage as error:
            problem = problem or f"{error.problem} {error.receive_id}".strip()
        except MalformedMessage:
            problem = problem or BODY
        is_tested = is_tested or not key.is_unused
        if key.is_unused and not key.has_failed:
            failed.append(key.id)
    if is_key_lost:
        problem = problem or KEY_LOST
    return Decryption(problem=problem, is_tested=is_tested, failed_key_ids=tuple(failed))
