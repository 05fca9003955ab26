"""Call server URLs as WeCom does, encrypted and signed independently of the project's own code."""

from __future__ import annotations

import base64
from urllib.parse import urlencode

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from verification.accounts.aes_keys import rotate_aes_key
from verification.models import AESKey, OfficialAccount
from verification.protocol.enums import Platform
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.messages import AES_KEY, encrypt
from verification.tests.support.signer import nonces, signature

CORP_ID, OTHER_CORP_ID = "ww1a2b3c4d5e6f7081", "ww90817f6e5d4c3b2a"
SUITE_ID = "ww4a5b6c7d8e9f0a1b"
#: What is encrypted in a verification, and must be the answer.
ECHOSTR = "1616140317555161061"
MEMBER = "zhang.wei"


def make_wecom_app(
    slug: str, token: str, *, key: str = AES_KEY, corp_id: str = CORP_ID, **fields: object
) -> OfficialAccount:
    """Create a WeCom app with its token and EncodingAESKey."""
    account = make_account(slug, token, platform=Platform.WECOM.value, app_id=corp_id, **fields)
    if key:
        store_wecom_key(account, key)
    return account


def store_wecom_key(account: OfficialAccount, key: str) -> AESKey:
    return rotate_aes_key(account, key, LI_WEI)


def wecom_verification(
    token: str,
    *,
    echostr: str = ECHOSTR,
    key: str = AES_KEY,
    corp_id: str = CORP_ID,
    encrypted: str | None = None,
    timestamp: str = "1409659589",
    nonce: str = "263014780",
) -> str:
    """Return the query string of a URL verification; `encrypted` replaces what is encrypted."""
    text = encrypt(echostr.encode(), key=key, app_id=corp_id) if encrypted is None else encrypted
    return urlencode(
        {
            "msg_signature": signature(token, timestamp, nonce, text),
            "timestamp": timestamp,
            "nonce": nonce,
            "echostr": text,
        }
    )


def encrypt_padded(key: bytes, padded: bytes) -> str:
    """Encrypt without adding anything, as a forger does who has the key."""
    encryptor = Cipher(AES(key), CBC(key[:16])).encryptor()
    padded = padded[: len(padded) // 16 * 16]
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def wecom_message(content: str, *, msg_id: str = "4561255354251345929") -> bytes:
    return (
        f"<xml><ToUserName><![CDATA[{CORP_ID}]]></ToUserName>"
        f"<FromUserName><![CDATA[{MEMBER}]]></FromUserName>"
        "<CreateTime>1409659813</CreateTime><MsgType><![CDATA[text]]></MsgType>"
        f"<Content><![CDATA[{content}]]></Content><MsgId>{msg_id}</MsgId>"
        "<AgentID>1000002</AgentID></xml>"
    ).encode()


def wecom_push(
    token: str,
    message: bytes,
    *,
    key: str = AES_KEY,
    corp_id: str = CORP_ID,
    timestamp: str = "1409659813",
    nonce: str | None = None,
) -> tuple[bytes, str]:
    """Return the body and the query string of a push."""
    text = encrypt(message, key=key, app_id=corp_id)
    body = (
        f"<xml><ToUserName><![CDATA[{corp_id}]]></ToUserName>"
        f"<AgentID><![CDATA[1000002]]></AgentID><Encrypt><![CDATA[{text}]]></Encrypt></xml>"
    ).encode()
    nonce = nonce or str(next(nonces))
    query = {
        "msg_signature": signature(token, timestamp, nonce, text),
        "timestamp": timestamp,
        "nonce": nonce,
    }
    return body, urlencode(query)
