"""Give a message an id that is the same for each repeat of it, and each follower a pseudonym."""

from __future__ import annotations

import base64
import hmac

from verification.keys import message_id_key
from verification.protocol.callback import Push
from verification.protocol.reply import AcceptedPush


def webhook_id(push: Push, accepted: AcceptedPush) -> str:
    """Return the `webhook-id` of a push: "msg_" and 27 characters, without MsgId or OpenID.

    The whole message identifies it: WeChat repeats a message with the same bytes. The MsgId alone
    would not do. Events have none, several events of a follower can share FromUserName and
    CreateTime, and anyone can put a MsgId into a plain message. A message that is taken for a
    repeat of another would be lost. Without the EncodingAESKey, the encrypted text identifies the
    message, and a repeat that is encrypted anew counts as another message.
    """
    if accepted.plaintext is None and accepted.message.encrypt:
        what = b"Encrypt " + accepted.message.encrypt.encode()
    else:
        what = b"message " + (accepted.plaintext or push.body or b"")
    return "msg_" + pseudonym(accepted.target.account_id, what)


def follower_key(push: Push, accepted: AcceptedPush) -> str:
    """Return what tells the followers of an account apart in the spool: a MAC of the OpenID.

    A push that names no follower is in no order to others, so its own id stands for the follower.
    """
    name = accepted.message.from_user or push.openid
    if not name:
        return webhook_id(push, accepted)
    return pseudonym(accepted.target.account_id, f"follower {name}".encode())


def pseudonym(account_id: int, what: bytes) -> str:
    digest = hmac.digest(message_id_key(), b"%d %s" % (account_id, what), "sha256")
    return base64.urlsafe_b64encode(digest[:20]).decode().rstrip("=")
