"""Messages as followers send them, encrypted independently of the project's own code."""

from __future__ import annotations

from urllib.parse import urlencode

from wechatpy.crypto import WeChatCrypto
from wechatpy.crypto.base import BasePrpCrypto

from verification.accounts.aes_keys import rotate_aes_key
from verification.models import AESKey, OfficialAccount
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.signer import nonces, self_test_nonce, signature, signed

AES_KEY = "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR"
OTHER_AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"  # pragma: allowlist secret
APP_ID = "wxba5fad812f8e6fb9"
FOLLOWER = "o9AgO5Kd5ggOC-bXrbNODIiE3bGY"
ORIGINAL_ID = "gh_97417a04a28d"


def text_message(content: str, *, msg_id: str, from_user: str = FOLLOWER) -> bytes:
    return (
        f"<xml><ToUserName><![CDATA[{ORIGINAL_ID}]]></ToUserName>"
        f"<FromUserName><![CDATA[{from_user}]]></FromUserName>"
        "<CreateTime>1714036504</CreateTime><MsgType><![CDATA[text]]></MsgType>"
        f"<Content><![CDATA[{content}]]></Content><MsgId>{msg_id}</MsgId></xml>"
    ).encode()


def subscribe_event() -> bytes:
    return (
        f"<xml><ToUserName><![CDATA[{ORIGINAL_ID}]]></ToUserName>"
        f"<FromUserName><![CDATA[{FOLLOWER}]]></FromUserName>"
        "<CreateTime>1714036504</CreateTime><MsgType><![CDATA[event]]></MsgType>"
        "<Event><![CDATA[subscribe]]></Event></xml>"
    ).encode()


def encrypt(message: bytes, *, key: str = AES_KEY, app_id: str = APP_ID) -> str:
    crypto = WeChatCrypto("unused", key, app_id)
    text: bytes = BasePrpCrypto(crypto.key)._encrypt(message.decode(), app_id)
    return text.decode()


def encrypted_push(
    token: str,
    message: bytes,
    *,
    key: str = AES_KEY,
    app_id: str = APP_ID,
    plain: bytes = b"",
    is_test_message: bool = False,
    **rest: str,
) -> tuple[bytes, str]:
    """Return the body and the query string of a push in the security mode.

    With `plain`, elements of the plain message, it is one of the compatible mode.
    """
    text = encrypt(message, key=key, app_id=app_id)
    body = (
        f"<xml><ToUserName><![CDATA[{ORIGINAL_ID}]]></ToUserName>{plain.decode()}"
        f"<Encrypt><![CDATA[{text}]]></Encrypt></xml>"
    ).encode()
    if is_test_message:
        rest["nonce"] = self_test_nonce(body=body)
    rest.setdefault("nonce", str(next(nonces)))
    parameters = signed(token, **rest)
    query = {
        **parameters,
        "openid": FOLLOWER,
        "encrypt_type": "aes",
        "msg_signature": signature(token, parameters["timestamp"], parameters["nonce"], text),
    }
    return body, urlencode(query)


def store_aes_key(account: OfficialAccount, key: str) -> AESKey:
    """Make `key` the current EncodingAESKey of the account."""
    return rotate_aes_key(account, key, LI_WEI, app_id=APP_ID)
