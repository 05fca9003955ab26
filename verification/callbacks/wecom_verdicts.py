"""Judge the calls of WeCom, whose msg_signature covers an encrypted text."""

from __future__ import annotations

from dataclasses import replace

from verification.callbacks.decryption import AccountSettings, decrypt
from verification.callbacks.push_verdicts import refuse
from verification.protocol.callback import PATTERNS, Callback, Push
from verification.protocol.encryption import NO_KEY
from verification.protocol.enums import Reason
from verification.protocol.message import MalformedMessage, Message, parse_push
from verification.protocol.reply import Verdict

#: Bytes of a body. WeCom's texts have at most 2,048, and a megabyte takes milliseconds to read.
MAX_BODY_SIZE = 262_144


def read_wecom_message(push: Push) -> Message | None:
    """Return the encrypted message of a push; None if it is not one, or too large.

    Its signature covers the message, so anyone can make this server read one.
    """
    body = push.body or b""
    if len(body) > MAX_BODY_SIZE:
        return None
    try:
        message = parse_push(body)
    except MalformedMessage:
        return None
    return message if message.encrypt else None


def judge_wecom_verification(
    callback: Callback, settings: AccountSettings, accepted: Verdict
) -> Verdict:
    """Return `accepted` with the decrypted echostr, which is the answer, or a refusal."""
    decryption = decrypt(callback.echostr, settings, read_echostr)
    if decryption.content is None:
        detail = decryption.problem or NO_KEY
        refusal = refuse(accepted, Reason.UNDECRYPTABLE_MESSAGE, detail=detail)
        return replace(refusal, failed_key_ids=decryption.failed_key_ids)
    return replace(
        accepted,
        echostr=decryption.content,
        first_used_key_id=decryption.first_used_key_id,
        failed_key_ids=decryption.failed_key_ids,
    )


def read_echostr(plaintext: bytes) -> str:
    """Return the echostr that was encrypted. Raises MalformedMessage.

    It has the characters of an echostr that is not encrypted, which no browser takes for a page.
    """
    if not PATTERNS["echostr"].fullmatch(plaintext):
        raise MalformedMessage("The decrypted echostr has other characters.")
    return plaintext.decode()
