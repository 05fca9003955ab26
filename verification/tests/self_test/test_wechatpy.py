"""What a self-test sends and what wechatpy understands agree, for random secrets and texts."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from hypothesis import given, settings
from hypothesis import strategies as st
from wechatpy.crypto import WeChatCrypto
from wechatpy.enterprise.crypto import WeChatCrypto as WeComCrypto
from wechatpy.enterprise.parser import parse_message as parse_wecom_message

from verification.protocol.encryption import decode_aes_key
from verification.protocol.message import parse_message
from verification.protocol.signature import compute_signature
from verification.self_test.client import Encryption, sign_own_wecom_url
from verification.self_test.push import encrypt_body, make_text_message, make_wecom_message

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
TOKENS = st.text(LETTERS, min_size=3, max_size=32)
KEYS = st.text(LETTERS, min_size=43, max_size=43)
IDS = st.builds(lambda tail: f"ww{tail}", st.text("0123456789abcdef", min_size=16, max_size=16))
TEXTS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=200)
KEY = b"k" * 32


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@settings(max_examples=300, deadline=None)
@given(token=TOKENS, key=KEYS, corp_id=IDS, suite_id=st.just("") | IDS)
def test_a_check_of_wecoms(token: str, key: str, corp_id: str, suite_id: str) -> None:
    encryption = Encryption(decode_aes_key(key), corp_id, suite_id)
    url, echostr = sign_own_wecom_url("https://wx.example.cn/", token, KEY, encryption)
    query = query_of(url)
    crypto = WeComCrypto(token, key, corp_id)

    assert echostr == crypto.check_signature(
        query["msg_signature"], query["timestamp"], query["nonce"], query["echostr"]
    )


@settings(max_examples=300, deadline=None)
@given(token=TOKENS, key=KEYS, corp_id=IDS, suite_id=st.just("") | IDS, text=TEXTS)
def test_a_message_of_wecoms(token: str, key: str, corp_id: str, suite_id: str, text: str) -> None:
    encryption = Encryption(decode_aes_key(key), corp_id, suite_id)
    message = make_wecom_message(encryption, text)
    plain = decrypt(
        WeComCrypto(token, key, suite_id or corp_id),
        encrypt_body(message, encryption, is_wecom=True),
        token,
    )

    assert plain.encode() == message
    assert parse_wecom_message(plain).content == text


@settings(max_examples=300, deadline=None)
@given(token=TOKENS, key=KEYS, app_id=IDS, text=TEXTS, is_json=st.booleans())
def test_a_message_of_a_mini_program(
    token: str, key: str, app_id: str, text: str, is_json: bool
) -> None:
    encryption = Encryption(decode_aes_key(key), app_id)
    message = make_text_message("gh_97417a04a28d", text, is_json=is_json)
    body = encrypt_body(message, encryption, is_wecom=False)
    envelope = json.loads(body) if is_json else body

    assert decrypt(WeChatCrypto(token, key, app_id), envelope, token).encode() == message
    assert parse_message(body).to_user == "gh_97417a04a28d"


def decrypt(crypto: Any, body: Any, token: str) -> str:
    encrypt = body["Encrypt"] if isinstance(body, dict) else parse_message(body).encrypt
    signature = compute_signature(token, "1409659813", "263014780", encrypt).hex()
    plain = crypto.decrypt_message(body, signature, "1409659813", "263014780")
    return str(plain if isinstance(plain, str) else plain.decode())
