"""Send the calls of WeCom in-process, right and wrong, and explain them."""

from __future__ import annotations

import hashlib
from urllib.parse import urlencode

from django.test import Client

from verification.diagnosis import Explanation, explain
from verification.tests.support.adapter import last_attempt
from verification.tests.support.messages import encrypt
from verification.tests.support.wecom import (
    CORP_ID,
    ECHOSTR,
)

V = "TokenOfOtherApp3456"
WECHAT = Client(headers={"User-Agent": "Mozilla/4.0"})
TIMESTAMP, NONCE = "1409659589", "263014780"


def check(query: str, path: str = "/wechat/shop") -> Explanation:
    WECHAT.get(f"{path}?{query}")
    return explain(last_attempt())


def send(pushed: tuple[bytes, str], path: str = "/wechat/shop") -> Explanation:
    body, query = pushed
    WECHAT.post(f"{path}?{query}", body, content_type="text/xml")
    return explain(last_attempt())


def signed_over(*parts: str, echostr: str | None = None) -> str:
    """Return a verification whose msg_signature is the hash of these parts, as they stand."""
    text = echostr or encrypt(ECHOSTR.encode(), app_id=CORP_ID)
    joined = "".join(text if part == "echostr" else part for part in parts)
    sent = {"timestamp": TIMESTAMP, "nonce": NONCE, "echostr": text}
    return urlencode({"msg_signature": sha1(joined), **sent})


def signed_with(token: str) -> str:
    """Return a verification that is signed with any text as the token."""
    text = encrypt(ECHOSTR.encode(), app_id=CORP_ID)
    return signed_over(*sorted([token, TIMESTAMP, NONCE, text]), echostr=text)


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()
