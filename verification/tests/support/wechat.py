"""Play WeChat: push a message in each encryption mode, and read the reply as a follower sees it.

Signatures and encryption are wechatpy's, so that the project's own code does not check itself.
"""

from __future__ import annotations

import time
from enum import Enum
from xml.etree import ElementTree

from wechatpy.crypto import WeChatCrypto
from wechatpy.parser import parse_message

from verification.tests.support.backend_process import Answer, post
from verification.tests.support.messages import (
    AES_KEY,
    APP_ID,
    FOLLOWER,
    ORIGINAL_ID,
    encrypted_push,
    text_message,
)
from verification.tests.support.signer import push


class Mode(Enum):
    """The encryption modes of WeChat's console."""

    PLAIN = "明文模式"
    COMPATIBLE = "兼容模式"
    SECURITY = "安全模式"


class WeChat:
    """Pushes the messages of one official account to its server URL."""

    def __init__(self, url: str, token: str, follower: str = FOLLOWER) -> None:
        self.url, self.token, self.follower = url, token, follower

    def push(self, text: str, msg_id: str, mode: Mode = Mode.PLAIN) -> Answer:
        """Send the follower's text message once, and return what the server answers."""
        timestamp = str(int(time.time()))
        body = text_message(text, msg_id=msg_id, from_user=self.follower)
        if mode is Mode.PLAIN:
            query = push(self.token, timestamp=timestamp, nonce=msg_id)
        else:
            # The compatible mode sends the elements of the plain message as well.
            elements = body.partition(b"</ToUserName>")[2].removesuffix(b"</xml>")
            body, query = encrypted_push(
                self.token,
                body,
                plain=elements if mode is Mode.COMPATIBLE else b"",
                timestamp=timestamp,
                nonce=msg_id,
            )
        query = query.replace(FOLLOWER, self.follower)
        return post(f"{self.url}{'&' if '?' in self.url else '?'}{query}", body)

    def read_reply(self, answer: Answer) -> str:
        """Return the text that the follower sees.

        An encrypted reply must be signed correctly.
        """
        assert answer.status == 200, answer
        xml = answer.body.decode()
        field = ElementTree.fromstring(xml).findtext
        if field("Encrypt"):
            xml = WeChatCrypto(self.token, AES_KEY, APP_ID).decrypt_message(
                xml, field("MsgSignature"), field("TimeStamp"), field("Nonce")
            )
        reply = parse_message(xml)
        assert (reply.target, reply.source) == (self.follower, ORIGINAL_ID)
        content: str = reply.content
        return content
