"""Judge the calls of WeCom, whose msg_signature covers an encrypted text."""

from __future__ import annotations

from dataclasses import replace

from verification.callbacks.decryption import AccountSettings, decrypt
from verification.callbacks.push_verdicts import judge_signed_message, refuse
from verification.protocol.callback import PATTERNS, Callback, Push
from verification.protocol.encryption import BODY, NO_KEY
from verification.protocol.enums import Reason
from verification.protocol.message import BLANKS, MalformedMessage, Message, parse_push
from verification.protocol.reply import Verdict

#: Bytes of a body. WeCom's texts have at most 2,048. Anyone can make this server compare a message
#: with tokens, of which there are up to fifty at the bare domain.
MAX_BODY_SIZE, MAX_BODY_SIZE_AT_ROOT = 65_536, 8_192
START, END = b"<Encrypt>", b"</Encrypt>"
CDATA_START, CDATA_END = b"<![CDATA[", b"]]>"


def find_encrypt(body: bytes | None, *, is_at_root: bool) -> str:
    """Return the text of the Encrypt element, or nothing if there is none or the body is too large.

    The signature covers this text, so it is needed before anything is known of the sender. The XML
    is not parsed until the signature was verified, because that takes a hundred times as long.
    """
    if body is None or len(body) > (MAX_BODY_SIZE_AT_ROOT if is_at_root else MAX_BODY_SIZE):
        return ""
    _before, start, rest = body.partition(START)
    text, end, _after = rest.partition(END)
    if not (start and end and text.isascii()):
        return ""
    text = text.strip(BLANKS)
    if text.startswith(CDATA_START) and text.endswith(CDATA_END):
        text = text[len(CDATA_START) : -len(CDATA_END)].strip(BLANKS)
    return text.decode()


def judge_wecom_push(
    push: Push, encrypt: str, token: str, settings: AccountSettings, accepted: Verdict
) -> Verdict:
    """Judge a push whose msg_signature, made with this token, covers `encrypt`."""
    try:
        message = parse_push(push.body or b"")
    except MalformedMessage:
        message = Message()
    if message.encrypt != encrypt:  # A backend might find another text.
        return refuse(accepted, Reason.MALFORMED_PARAMETER, status=400, detail=BODY)
    return judge_signed_message(message, token, settings, accepted)


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
