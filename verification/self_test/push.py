"""Sends a test message to a server URL, as WeChat sends a follower's message."""

from __future__ import annotations

import secrets
import time

from verification.protocol.encryption import (
    cdata,
    encrypted_push,
)
from verification.protocol.message import parse_message
from verification.protocol.signature import (
    compute_signature,
    make_self_test_nonce,
    make_self_test_salt,
)
from verification.self_test.client import Encryption, Probe, add_query

#: Who the test message comes from. No follower has this OpenID.
SENDER = "wechat_gateway_test"
#: Stands for the original ID of an account that has none here.
UNKNOWN_RECEIVER = "gh_000000000000"


def probe_push(
    server_url: str,
    token: str,
    key: bytes,
    message: bytes,
    encryption: Encryption | None,
) -> Probe:
    """Send a push that this server records as a self-test; `key` proves that it is one.

    Such a push is forwarded to the account's backend, but never stored.
    """
    body = message
    if encryption:
        to_user = parse_message(message).to_user
        body = encrypted_push(encryption.key, message, encryption.app_id, to_user)
    timestamp = str(int(time.time()))
    nonce = make_self_test_nonce(key, timestamp, make_self_test_salt(key, body))
    query = {
        "signature": compute_signature(token, timestamp, nonce).hex(),
        "timestamp": timestamp,
        "nonce": nonce,
        "openid": SENDER,
    }
    if encryption:
        encrypt = parse_message(body).encrypt
        signature = compute_signature(token, timestamp, nonce, encrypt)
        query |= {"encrypt_type": "aes", "msg_signature": signature.hex()}
    return Probe(add_query(server_url, query), echostr="", body=body).run()


def make_text_message(to_user: str, text: str) -> bytes:
    """Return a text message as a follower's. Raises MalformedMessage if XML cannot hold the text.

    Its MsgId is random, so that a backend does not take it for a repeat.
    """
    body = (
        f"<xml><ToUserName>{cdata(to_user or UNKNOWN_RECEIVER)}</ToUserName>\n"
        f"<FromUserName>{cdata(SENDER)}</FromUserName>\n"
        f"<CreateTime>{int(time.time())}</CreateTime>\n"
        f"<MsgType>{cdata('text')}</MsgType>\n"
        f"<Content>{cdata(text)}</Content>\n"
        f"<MsgId>{secrets.randbelow(9 * 10**16) + 10**16}</MsgId>\n</xml>"
    ).encode(errors="replace")
    parse_message(body)
    return body
