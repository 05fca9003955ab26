"""Says in words whether the answer to a test message is what the platform must get."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from defusedxml.ElementTree import fromstring
from django.utils.translation import gettext as _

from verification.models import OfficialAccount
from verification.protocol.encryption import UndecryptableMessage, decrypt_message
from verification.protocol.enums import DeliveryResult
from verification.protocol.message import MalformedMessage, parse_message
from verification.protocol.request import clean
from verification.protocol.signature import compute_signature
from verification.relay.failures import advise, describe
from verification.self_test.client import Encryption
from verification.self_test.push import SENDER

#: Replies that the person does not get. They are never encrypted.
NO_REPLY = {b"", b"success"}
BOM = b"\xef\xbb\xbf"


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
    """The answer would not do, although its status is 200."""

    def __init__(self, sentence: str, advice: str) -> None:
        super().__init__("The answer would not do.")
        self.finding = Finding(False, sentence, advice)


# --- Answers of this server's own


def require_success(body: bytes, *, is_recorded: bool) -> None:
    """Raise UnfitReply if it is not what this server answers for an account without backend.

    That is known to the byte, so even a line break shows that something changes answers, which
    would also spoil the echostr of a URL verification. With a backend, inspect_reply() only advises
    against one: it may be the backend's, and nobody has published whether WeChat minds it.
    """
    if body != b"success":
        raise UnfitReply(describe_changed(body), advise_on_change(is_recorded=is_recorded))


def describe_changed(body: bytes) -> str:
    """Return what is around or in place of an answer that this server would not give."""
    text = body.strip()
    if body.startswith(BOM):
        return _("A byte order mark (BOM) precedes the answer.")
    if len(text) > 1 and text[:1] in {b'"', b"'"} and text[-1:] == text[:1]:
        return _("The answer is in quotes.")
    if text == b"success":
        return _("The answer has a line break or a blank beside it.")
    if text[:9].lower().startswith((b"<!doctype", b"<html")):
        return _("A web page came instead of the answer.")
    if not text:
        return _("An empty answer came instead of “success”.")
    if is_message(text):
        return _("A reply came instead of “success”.")
    sentence = _("{count} bytes came instead of the answer, beginning with “{beginning}”.")
    return sentence.format(count=len(body), beginning=clean(body, 40))


def is_message(text: bytes) -> bool:
    try:
        parse_message(text)
    except MalformedMessage:
        return False
    return True


def advise_on_change(*, is_recorded: bool) -> str:
    """Return what to do about an answer that this server does not give.

    If the message is recorded here as accepted, this server did answer it.
    """
    if is_recorded:
        return _("Something in front of this server changed it: check the proxies there.")
    return _(
        "Another server answers, or something in front of the server changes the answer: check "
        "where the URL leads, and the proxies there."
    )


# --- Answers of a backend's, which this server passes on


def inspect_suite_answer(body: bytes, *, is_recorded: bool) -> Finding:
    """Return what WeCom makes of the answer to an event. Raises UnfitReply.

    WeCom takes any answer but these seven bytes for the text of an error.
    """
    if body == b"success":
        sentence = _("The backend took the event and answered “success”.")
        return Finding(True, sentence, reply="success")
    if body.strip() == b"success":
        raise UnfitReply(
            describe_changed(body),
            _(
                "WeCom takes all but “success” for an error. The backend, or something in front of "
                "this server, adds it."
            ),
        )
    if body.strip() and not is_message(body.strip()):  # This server passes on no such answer.
        raise UnfitReply(describe_changed(body), advise_on_change(is_recorded=is_recorded))
    sentence, advice = describe_suite_error()
    if_it_does = _("If it does, something in front of this server changes the answer.")
    raise UnfitReply(sentence, f"{advice} {if_it_does}")


def describe_suite_error() -> tuple[str, str]:
    """Return what is wrong with another answer than “success”, and what to do about it."""
    return (
        _("The backend took the event, but the answer is not “success”."),
        _(
            "Let the backend answer exactly “success”, not encrypted, to each event, also to those "
            "that it does not know: WeCom takes anything else for an error."
        ),
    )


def inspect_reply(body: bytes, sent: SentMessage, *, is_recorded: bool) -> Finding:
    """Return what the person would get of an answer 200. Raises UnfitReply.

    Blanks beside “success” are no fault here, unlike in require_success(), which says why.
    """
    text = body.strip()
    if text in NO_REPLY:
        sentence = _("The backend took the message and sends no reply.")
        advice = "" if body in NO_REPLY else _describe_blanks(sent)
        return Finding(True, sentence, advice, reply="success" if text else "empty")
    if not is_message(text):  # This server passes on no such reply.
        raise UnfitReply(describe_changed(body), advise_on_change(is_recorded=is_recorded))
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


def _describe_blanks(sent: SentMessage) -> str:
    sentence = _(
        "The backend, or something in front of this server, adds a line break or a blank to the "
        "answer. Remove it: {caller} may not accept it."
    )
    return sentence.format(caller=sent.account.caller)


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
