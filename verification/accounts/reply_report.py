"""Says in words whether the reply of a backend to a test message would reach the person."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from defusedxml.ElementTree import fromstring
from django.utils.translation import gettext as _

from verification.models import OfficialAccount
from verification.protocol.encryption import UndecryptableMessage, decrypt_message
from verification.protocol.enums import DeliveryResult
from verification.protocol.message import MalformedMessage, parse_message
from verification.protocol.signature import compute_signature
from verification.relay.failures import advise, describe
from verification.self_test.client import Encryption
from verification.self_test.push import SENDER

#: Replies that the person does not get. They are never encrypted.
NO_REPLY = {b"", b"success"}


class Finding(NamedTuple):
    """What came of a test message, in words."""

    is_ok: bool
    sentence: str  #: what happened
    advice: str = ""  #: what to do; empty if there is nothing to do
    result: DeliveryResult | None = None  #: why the backend did not take it, or its reply is no use
    reply: str = ""  #: success, empty, json or the MsgType of a passive reply
    #: The text of the reply. Show it to the person who sent the message; never log it.
    reply_text: str = ""

    def __repr__(self) -> str:
        return f"Finding(is_ok={self.is_ok}, reply={self.reply!r})"


class SentMessage(NamedTuple):
    """Holds how a test message was sent, and so what a reply to it must be like."""

    account: OfficialAccount
    token: str
    encryption: Encryption | None
    is_json: bool

    def __repr__(self) -> str:
        return f"SentMessage({self.account.slug!r})"


class UnfitReply(Exception):
    """The backend's reply would not reach the person, although this server passes it on."""

    def __init__(self, sentence: str, advice: str) -> None:
        super().__init__("The reply would not reach the person.")
        self.finding = Finding(False, sentence, advice)


def inspect_reply(body: bytes, sent: SentMessage) -> Finding:
    """Return what the person would get of an answer 200. Raises UnfitReply."""
    text = body.strip()
    if text in NO_REPLY:
        sentence = _("The backend took the message and sends no reply.")
        return Finding(True, sentence, reply="success" if text else "empty")
    try:
        if parse_message(text).encrypt:
            require_format(text, sent)
            text = decrypt_reply(text, sent)
        elif sent.encryption:
            raise UnfitReply(
                _("The backend replied with a plain message to an encrypted one."),
                _("Let the backend encrypt its reply: {caller} accepts no plain one here.").format(
                    caller=sent.account.caller
                ),
            )
        reply = parse_message(text)
    except MalformedMessage:
        result = DeliveryResult.UNUSABLE_REPLY
        return Finding(False, describe(result), advise(result), result)
    require_format(text, sent)
    if reply.to_user and reply.to_user != SENDER:
        raise UnfitReply(
            _("The reply of the backend is not for the person who wrote."),
            _(
                "Let the backend put the message's FromUserName into the reply's ToUserName, and "
                "the other way round."
            ),
        )
    kind = reply.msg_type or "json"
    sentence = _("The backend took the message and replied ({kind}).")
    return Finding(
        True,
        sentence.format(kind=_("text") if kind == "text" else kind),
        reply=kind,
        reply_text=str(read_values(text).get("Content", "")) if kind == "text" else "",
    )


def require_format(text: bytes, sent: SentMessage) -> None:
    """Raise UnfitReply if the reply is JSON and the message was not, or the other way round."""
    if text.startswith(b"{") == sent.is_json:
        return
    names = ("JSON", "XML") if sent.is_json else ("XML", "JSON")
    sentence = _("The backend replied in {reply} to a message in {message}.")
    raise UnfitReply(
        sentence.format(message=names[0], reply=names[1]),
        _("Let the backend reply in the format of the message."),
    )


def decrypt_reply(body: bytes, sent: SentMessage) -> bytes:
    """Return the message in an encrypted reply. Raises UnfitReply."""
    if sent.encryption is None:
        raise UnfitReply(
            _("The backend replied with an encrypted message to a plain one."),
            _("Let the backend encrypt its reply only if the message was encrypted."),
        )
    values = read_values(body)
    encrypt, timestamp, nonce = (
        str(values.get(name, "")) for name in ("Encrypt", "TimeStamp", "Nonce")
    )
    expected = compute_signature(sent.token, timestamp, nonce, encrypt)
    if values.get("MsgSignature") != expected.hex():
        sentence = _(
            "The signature of the backend's reply is wrong, so {caller} would not accept it."
        )
        raise UnfitReply(
            sentence.format(caller=sent.account.caller),
            _("Give the backend the token that this account has here and in its console."),
        )
    try:
        message = decrypt_message(sent.encryption.key, encrypt, *sent.account.receive_ids)
    except UndecryptableMessage as error:
        advice = _(
            "Give the backend the EncodingAESKey and the {id} that this account has here and in "
            "its console."
        )
        raise UnfitReply(
            _("The reply of the backend cannot be decrypted."),
            advice.format(id=sent.account.id_name),
        ) from error
    if message.strip() in NO_REPLY:
        raise UnfitReply(
            _("The backend encrypted “success”, which the person would see as a fault."),
            _("Let the backend answer “success”, or an empty body, without encryption."),
        )
    return message


def read_values(body: bytes) -> dict[str, Any]:
    """Return the members of a message that parse_message() has accepted."""
    if body.lstrip().startswith(b"{"):
        return dict(json.loads(body))
    return {child.tag: (child.text or "").strip() for child in fromstring(body)}
