"""Sends a test message to a server URL, as the platform sends one that a person wrote."""

from __future__ import annotations

import json
import secrets
import time

from verification.protocol.encryption import cdata, encrypt_message, encrypted_push
from verification.protocol.message import parse_message
from verification.protocol.signature import (
    compute_signature,
    make_self_test_nonce,
    make_self_test_salt,
)
from verification.self_test.client import Encryption, Probe, add_query

#: Who the test message comes from. No follower has this OpenID, and hardly a member this UserID.
SENDER = "wechat_gateway_test"
#: Stands for the original ID of an account that has none here.
UNKNOWN_RECEIVER = "gh_000000000000"
#: The smallest AgentId that WeCom gives to an app.
AGENT_ID = "1000002"
#: The InfoType of the test event that a third-party app gets. WeCom has no such type, so a backend
#: does nothing about it. Each real type would make one act: a suite_ticket replaces the one in use,
#: a create_auth or change_auth calls WeCom's API, a cancel_auth or change_contact changes its data.
INFO_TYPE = "wechat_gateway_test"


def probe_push(
    server_url: str,
    token: str,
    key: bytes,
    message: bytes,
    encryption: Encryption | None,
    *,
    is_wecom: bool = False,
) -> Probe:
    """Send a push that this server records as a self-test; `key` proves that it is one.

    WeCom always encrypts. Such a push is forwarded to the account's backend, but never stored.
    """
    body = encrypt_body(message, encryption, is_wecom=is_wecom) if encryption else message
    timestamp = str(int(time.time()))
    nonce = make_self_test_nonce(key, timestamp, make_self_test_salt(key, body))
    encrypt = parse_message(body).encrypt
    msg_signature = compute_signature(token, timestamp, nonce, encrypt).hex()
    if is_wecom:
        query = {"msg_signature": msg_signature, "timestamp": timestamp, "nonce": nonce}
        return Probe(add_query(server_url, query), "", body=body, is_wecom=True).run()
    query = {
        "signature": compute_signature(token, timestamp, nonce).hex(),
        "timestamp": timestamp,
        "nonce": nonce,
        "openid": SENDER,
    }
    if encryption:
        query |= {"encrypt_type": "aes", "msg_signature": msg_signature}
    return Probe(add_query(server_url, query), "", body=body).run()


def encrypt_body(message: bytes, encryption: Encryption, *, is_wecom: bool) -> bytes:
    """Return the body of a push with this message, in the format of the message."""
    to_user = parse_message(message).to_user
    if is_wecom:
        to_user = encryption.push_id  # an event of a third-party app does not name it
        encrypt = encrypt_message(encryption.key, message, encryption.push_id)
        return (
            f"<xml><ToUserName>{cdata(to_user)}</ToUserName><Encrypt>{cdata(encrypt)}</Encrypt>"
            f"<AgentID>{cdata(agent_id_of(encryption))}</AgentID></xml>"
        ).encode()
    if message.startswith(b"{"):
        encrypt = encrypt_message(encryption.key, message, encryption.push_id)
        return json.dumps({"ToUserName": to_user, "Encrypt": encrypt}).encode()
    return encrypted_push(encryption.key, message, encryption.push_id, to_user)


def agent_id_of(encryption: Encryption) -> str:
    """Return the AgentID of a WeCom push: third-party apps get an empty one."""
    return "" if encryption.suite_id else AGENT_ID


def make_text_message(to_user: str, text: str, *, is_json: bool = False) -> bytes:
    """Return a text message as a follower's. Raises MalformedMessage if XML cannot hold the text.

    Its MsgId is random, so that a backend does not take it for a repeat.
    """
    values = make_values(to_user or UNKNOWN_RECEIVER, text)
    if is_json:
        return json.dumps(values, ensure_ascii=False).encode(errors="replace")
    return make_xml(values)


def make_wecom_message(encryption: Encryption, text: str) -> bytes:
    """Return a text message as a member's. Raises MalformedMessage if XML cannot hold the text."""
    return make_xml(
        {**make_values(encryption.push_id, text), "AgentID": agent_id_of(encryption)},
    )


def make_suite_event(encryption: Encryption) -> bytes:
    """Return an event as third-party apps get them at their URL for commands (指令回调URL).

    That URL gets no message of a member's.
    """
    values: dict[str, str | int] = {
        "SuiteId": encryption.suite_id,
        "InfoType": INFO_TYPE,
        "TimeStamp": int(time.time()),
    }
    return make_xml(values)


def make_values(to_user: str, text: str) -> dict[str, str | int]:
    return {
        "ToUserName": to_user,
        "FromUserName": SENDER,
        "CreateTime": int(time.time()),
        "MsgType": "text",
        "Content": text,
        "MsgId": secrets.randbelow(9 * 10**16) + 10**16,
    }


def make_xml(values: dict[str, str | int]) -> bytes:
    elements = [
        f"<{name}>{cdata(value) if isinstance(value, str) else value}</{name}>\n"
        for name, value in values.items()
    ]
    body = f"<xml>{''.join(elements)}</xml>".encode(errors="replace")
    parse_message(body)
    return body
