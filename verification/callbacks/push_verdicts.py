"""Judge message pushes whose query string is signed correctly, and say what to forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter
from typing import NamedTuple

from verification.callbacks.store import AccountTokenRow
from verification.fields import Secret, UndecryptableSecret
from verification.models import Backend
from verification.models.backend import FAILURES_TO_OPEN
from verification.protocol.callback import Callback, Push
from verification.protocol.encryption import (
    UndecryptableMessage,
    decode_aes_key,
    decrypt_message,
    verify_message_signature,
)
from verification.protocol.enums import Kind, Mark, Outcome, Reason
from verification.protocol.message import MalformedMessage, Message, parse_push
from verification.protocol.reply import AcceptedPush, Target, Verdict
from verification.relay.forward import repeats

#: The detail of a refused message that is not encrypted, although the account's messages are.
PLAIN = "plain"
#: The details of a msg_signature that is the same as signature, so that it does not cover the
#: message, and of one that is missing or malformed.
COPIED, MISSING = "copied", "missing"


class LiveKey(NamedTuple):
    """A current EncodingAESKey, or a previous one that is still valid."""

    id: int
    is_unused: bool  #: it has not decrypted a push of WeChat's yet
    has_failed: bool  #: while it was unused
    secret: Secret


class PushSettings(NamedTuple):
    """Holds what the pushes of an account are judged by, besides its tokens."""

    app_id: str
    keys: Sequence[LiveKey]  #: the newest first
    target: Target | None


def read_push_settings(row: AccountTokenRow) -> PushSettings:
    """Return what an account's pushes are judged by. The row must be of a batch with a push."""
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
        )
    return PushSettings(row.app_id, keys, target)


def judge_push(
    callback: Callback, push: Push, token: str, settings: PushSettings, accepted: Verdict
) -> Verdict:
    """Return `accepted`, with what is to be forwarded, or a refusal.

    An encrypted message must be covered by msg_signature, made with the token that signed the query
    string, and the account's EncodingAESKey must decrypt it. Each such refusal gets the same reply,
    so that a caller does not learn what was wrong.

    If the key has decrypted pushes of WeChat's before, plain ones are refused: nothing signs them,
    so anyone who has seen the address of a push could send them.
    """
    target, is_encrypted = settings.target, Mark.ENCRYPTED in callback.marks
    is_proven = any(not key.is_unused for key in settings.keys)
    if is_proven and not is_encrypted and callback.kind is not Kind.SELF_TEST:
        return refuse(accepted, Reason.MESSAGE_SIGNATURE_MISMATCH, detail=PLAIN)
    if target is None and not is_encrypted:
        return accepted  # Nobody reads the message.
    if target and repeats.is_exhausted(callback.signature or b""):
        # Reading a megabyte takes milliseconds, for which the callbacks of all accounts wait.
        replayed = AcceptedPush(target=target, message=Message(), plaintext=None, is_replayed=True)
        return replace(accepted, push=replayed)
    try:
        message = parse_push(push.body or b"")
    except MalformedMessage:
        if is_encrypted:
            return refuse(accepted, Reason.UNDECRYPTABLE_MESSAGE, detail="body")
        return refuse(accepted, Reason.MALFORMED_PARAMETER, status=400, detail="body")
    if is_encrypted:
        return judge_encrypted(callback, push, token, settings, accepted, message)
    return add_push(accepted, target, message, None)


def judge_encrypted(
    callback: Callback,
    push: Push,
    token: str,
    settings: PushSettings,
    accepted: Verdict,
    message: Message,
) -> Verdict:
    signature = push.msg_signature or b""
    if not verify_message_signature(
        token.encode(), callback.timestamp, callback.nonce, message.encrypt, signature
    ):
        detail = "" if signature else MISSING
        if signature == callback.signature:
            detail = COPIED
        return refuse(accepted, Reason.MESSAGE_SIGNATURE_MISMATCH, detail=detail)
    decryption = decrypt(message.encrypt, settings)
    if decryption.problem and decryption.is_tested:
        refusal = refuse(accepted, Reason.UNDECRYPTABLE_MESSAGE, detail=decryption.problem)
        return replace(refusal, failed_key_ids=decryption.failed_key_ids)
    accepted = replace(
        accepted,
        first_used_key_id=decryption.first_used_key_id,
        failed_key_ids=decryption.failed_key_ids,
    )
    return add_push(accepted, settings.target, decryption.message or message, decryption.plaintext)


def add_push(
    accepted: Verdict, target: Target | None, message: Message, plaintext: bytes | None
) -> Verdict:
    """Return `accepted` with the push that is to be forwarded, if the account has a backend."""
    if target is None:
        return accepted
    return replace(accepted, push=AcceptedPush(target=target, message=message, plaintext=plaintext))


def refuse(accepted: Verdict, reason: Reason, *, status: int = 403, detail: str = "") -> Verdict:
    return Verdict(
        outcome=Outcome.REFUSED,
        status=status,
        reason=reason,
        detail=detail,
        account_id=accepted.account_id,
    )


class Decryption(NamedTuple):
    """Says what came of decrypting a message with each of an account's keys."""

    plaintext: bytes | None = None
    message: Message | None = None
    first_used_key_id: int | None = None  #: if the key that fits is new
    problem: str = ""  #: why no key decrypts it; empty if one does, or if there is none
    #: One of the keys has decrypted a push of WeChat's before. Until then, they may be mistyped.
    is_tested: bool = False
    failed_key_ids: tuple[int, ...] = ()  #: of new keys, for the first time

    def __repr__(self) -> str:
        return f"Decryption(problem={self.problem!r})"


def decrypt(encrypt: str, settings: PushSettings) -> Decryption:
    """Decrypt a message with the first of the account's keys that fits."""
    problem, is_tested = "", False
    failed: list[int] = []
    for key in settings.keys if settings.app_id else ():  # The AppID is a part of each message.
        try:
            raw_key = decode_aes_key(key.secret.reveal())
        except UndecryptableSecret:  # which the account's page and an alert report
            continue
        try:
            plaintext = decrypt_message(raw_key, encrypt, settings.app_id)
            message = parse_push(plaintext)
            first_used = key.id if key.is_unused else None
            return Decryption(plaintext, message, first_used, failed_key_ids=tuple(failed))
        except UndecryptableMessage as error:
            problem = problem or f"{error.problem} {error.receive_id}".strip()
        except MalformedMessage:
            problem = problem or "body"
        is_tested = is_tested or not key.is_unused
        if key.is_unused and not key.has_failed:
            failed.append(key.id)
    return Decryption(problem=problem, is_tested=is_tested, failed_key_ids=tuple(failed))
