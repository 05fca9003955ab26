"""Push messages that are forwarded decrypted, and read the reply as WeChat does.

Signatures and encryption are wechatpy's, so that the project's own code does not check itself.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree

from wechatpy.crypto import WeChatCrypto

from verification.tests.support.messages import (
    AES_KEY,
    APP_ID,
    FOLLOWER,
    ORIGINAL_ID,
    encrypt,
)
from verification.tests.support.signer import nonces, signature, signed

JSON_MESSAGE = json.dumps(
    {
        "ToUserName": ORIGINAL_ID,
        "FromUserName": FOLLOWER,
        "CreateTime": 1714036504,
        "MsgType": "text",
        "Content": "你好",
        "MsgId": 24000000000000001,
    },
    ensure_ascii=False,
).encode()
JSON_REPLY = json.dumps(
    {
        "ToUserName": FOLLOWER,
        "FromUserName": ORIGINAL_ID,
        "CreateTime": 1714036505,
        "MsgType": "transfer_customer_service",
    }
).encode()


def json_push(token: str, message: bytes = JSON_MESSAGE) -> tuple[bytes, str]:
    """Return the body and the query string of a Mini Program's push in JSON."""
    text = encrypt(message)
    parameters = signed(token, nonce=str(next(nonces)))
    msg_signature = signature(token, parameters["timestamp"], parameters["nonce"], text)
    query = {
        **parameters,
        "openid": FOLLOWER,
        "encrypt_type": "aes",
        "msg_signature": msg_signature,
    }
    return json.dumps({"ToUserName": ORIGINAL_ID, "Encrypt": text}).encode(), urlencode(query)


def read_envelope(body: bytes) -> dict[str, Any]:
    """Return the members of an encrypted reply."""
    if body.startswith(b"{"):
        return dict(json.loads(body))
    return {child.tag: child.text for child in ElementTree.fromstring(body)}


def decrypt_reply(
    body: bytes, token: str, *, key: str = AES_KEY, receive_id: str = APP_ID
) -> bytes:
    """Return the reply inside, whose signature must be right and which must end with the id."""
    envelope = read_envelope(body)
    assert envelope.keys() == {"Encrypt", "MsgSignature", "TimeStamp", "Nonce"}
    text: str = WeChatCrypto(token, key, receive_id).decrypt_message(
        envelope, envelope["MsgSignature"], str(envelope["TimeStamp"]), envelope["Nonce"]
    )
    return text.encode()
