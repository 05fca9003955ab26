"""Decide what of a backend's answer goes back to the follower."""

from __future__ import annotations

import re

from verification.protocol.message import MalformedMessage, Message, parse_message
from verification.protocol.reply import SUCCESS, AcceptedPush, Reply
from verification.relay.client import BackendReply
from verification.relay.decrypted import JSON, XML, encrypt_reply, is_json

#: An object or a document without a field, as some frameworks answer if they have nothing to say.
EMPTY = re.compile(rb"\{\s*\}|(<\?xml[^>]*\?>\s*)?<xml[^<]*(/>|</xml\s*>)")


def usable_reply(answer: BackendReply, accepted: AcceptedPush) -> Reply | None:
    """Return the reply to WeChat, or None if the follower would see a fault because of it.

    WeChat takes an empty body, "success", a reply in XML, or JSON from a Mini Program. The content
    type follows from the body: many frameworks send text/html unless they are told otherwise. Of an
    answer such as 202 or 204, which has taken the message, no body is used.

    If the backend got the message decrypted, its reply is plain as well, and is encrypted here. It
    must have the format of the message, XML or JSON, and at least one field.
    """
    if answer.status != 200:
        return SUCCESS
    text = answer.body.strip()
    if text in {b"", b"success"}:
        return Reply(200, answer.body)
    try:
        reply = parse_message(answer.body)
    except MalformedMessage:
        return None
    if not is_for_sender(reply, accepted.message):
        return None
    body, encryption = answer.body, accepted.reply_encryption
    if encryption is not None:
        as_json = is_json(accepted.plaintext or b"")
        if reply.encrypt or is_json(text) != as_json or EMPTY.fullmatch(text):
            return None
        body = encrypt_reply(text, encryption, as_json=as_json)
    return Reply(200, body, {"Content-Type": JSON if is_json(body) else XML})


def is_for_sender(reply: Message, message: Message) -> bool:
    """Return whether a reply goes from the account to the follower who wrote.

    An encrypted reply, and the reply to a message that cannot be read here, says neither.
    """
    if not (reply.to_user and message.from_user):
        return True
    return (reply.to_user, reply.from_user) == (message.from_user, message.to_user)
