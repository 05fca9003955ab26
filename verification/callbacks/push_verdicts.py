"""Judge message pushes whose query string is signed correctly, and say what to forward."""

from __future__ import annotations

from dataclasses import replace

from verification.callbacks.decryption import AccountSettings, Decryption, decrypt
from verification.protocol.callback import Callback, Push
from verification.protocol.encryption import (
    BODY,
    COPIED,
    KEY_LOST,
    MISSING,
    PLAIN,
    ReplyEncryption,
)
from verification.protocol.enums import DeliveryResult, Kind, Mark, Outcome, Reason
from verification.protocol.message import MalformedMessage, Message, parse_push
from verification.protocol.reply import AcceptedPush, Verdict
from verification.protocol.signature import verify_signature
from verification.relay.forward import repeats


def judge_push(
    callback: Callback, push: Push, token: str, settings: AccountSettings, accepted: Verdict
) -> Verdict:
    """Return `accepted`, with what is to be forwarded, or a refusal.

    An encrypted message must be covered by msg_signature, made with the token that signed the query
    string, and the account's EncodingAESKey must decrypt it. Each such refusal gets the same reply,
    so that a caller does not learn what was wrong.

    If WeChat has encrypted pushes before, plain ones are refused: nothing signs them, so anyone who
    has seen the address of a push could send them. That stays so when the key is rotated.
    """
    target, is_encrypted = settings.target, Mark.ENCRYPTED in callback.marks
    if settings.is_encrypted and not is_encrypted and callback.kind is not Kind.SELF_TEST:
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
            return refuse(accepted, Reason.UNDECRYPTABLE_MESSAGE, detail=BODY)
        return refuse(accepted, Reason.MALFORMED_PARAMETER, status=400, detail=BODY)
    if is_encrypted:
        return judge_encrypted(callback, push, token, settings, accepted, message)
    if message.encrypt and not message.msg_type:  # The query string has lost what belongs to it.
        return refuse(accepted, Reason.MESSAGE_SIGNATURE_MISMATCH, detail=PLAIN)
    assert target is not None  # see above
    return replace(accepted, push=AcceptedPush(target=target, message=message, plaintext=None))


def judge_encrypted(
    callback: Callback,
    push: Push,
    token: str,
    settings: AccountSettings,
    accepted: Verdict,
    message: Message,
) -> Verdict:
    signature = push.msg_signature or b""
    parts = (callback.timestamp, callback.nonce, message.encrypt)
    if not verify_signature(token, parts, signature):
        detail = "" if signature else MISSING
        if signature == callback.signature:
            detail = COPIED
        return refuse(accepted, Reason.MESSAGE_SIGNATURE_MISMATCH, detail=detail)
    return judge_signed_message(message, token, settings, accepted)


def judge_signed_message(
    message: Message, token: str, settings: AccountSettings, accepted: Verdict
) -> Verdict:
    """Judge an encrypted message that msg_signature, made with this token, covers."""
    decryption = decrypt(message.encrypt, settings, parse_push)
    if decryption.problem and decryption.is_tested:
        refusal = refuse(accepted, Reason.UNDECRYPTABLE_MESSAGE, detail=decryption.problem)
        return replace(refusal, failed_key_ids=decryption.failed_key_ids)
    accepted = replace(
        accepted,
        first_used_key_id=decryption.first_used_key_id,
        failed_key_ids=decryption.failed_key_ids,
    )
    if settings.target is None:
        return accepted
    push = AcceptedPush(
        target=settings.target,
        message=decryption.content or message,
        plaintext=decryption.plaintext,
    )
    if settings.target.forwards_decrypted:
        push = prepare_decrypted(push, decryption, token)
    return replace(accepted, push=push)


def prepare_decrypted(
    push: AcceptedPush, decryption: Decryption[Message], token: str
) -> AcceptedPush:
    """Return the push with what encrypts its reply, or why the backend cannot get it decrypted."""
    if decryption.key is not None:
        encryption = ReplyEncryption(decryption.key, decryption.receive_id, token)
        return replace(push, reply_encryption=encryption)
    is_lost = decryption.problem == KEY_LOST
    return replace(
        push, problem=DeliveryResult.KEY_MISSING if is_lost else DeliveryResult.NOT_DECRYPTED
    )


def refuse(accepted: Verdict, reason: Reason, *, status: int = 403, detail: str = "") -> Verdict:
    return Verdict(
        outcome=Outcome.REFUSED,
        status=status,
        reason=reason,
        detail=detail,
        account_id=accepted.account_id,
    )
