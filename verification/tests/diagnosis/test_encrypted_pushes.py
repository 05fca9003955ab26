"""Encrypted pushes to an official account whose query string has lost or confused parameters."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode

import pytest
from django.test import Client

from verification.diagnosis import Explanation, explain
from verification.models import OfficialAccount
from verification.tests.support.adapter import A, last_attempt
from verification.tests.support.messages import AES_KEY, encrypted_push, store_aes_key

MESSAGE = b"<xml></xml>"


@pytest.fixture(autouse=True)
def account(brand_a: OfficialAccount) -> OfficialAccount:
    store_aes_key(brand_a, AES_KEY)
    return brand_a


def push_without(*names: str, agent: str = "curl/8.4.0", **changed: str) -> Explanation:
    """Send an encrypted push without these parameters, and with others changed."""
    body, query = encrypted_push(A, MESSAGE)
    sent = {name: value for name, value in parse_qsl(query) if name not in names}
    sent |= {name: sent[other] for name, other in changed.items()}
    post(body, urlencode(sent), agent)
    return explain(last_attempt())


def post(body: bytes, query: str, agent: str) -> None:
    client = Client(headers={"User-Agent": agent})
    client.post(f"/wechat/brand-a?{query}", body, content_type="text/xml")


@pytest.mark.parametrize(
    ("names", "here", "lost"),
    [
        (["signature"], "msg_signature, timestamp, nonce, encrypt_type", "signature"),
        (["nonce"], "signature, msg_signature, timestamp, encrypt_type", "nonce"),
        (
            ["signature", "msg_signature"],
            "timestamp, nonce, encrypt_type",
            "signature, msg_signature",
        ),
        (["signature", "msg_signature", "encrypt_type"], "timestamp, nonce", "signature"),
    ],
)
def test_the_parameters_of_a_push_are_listed(names: list[str], here: str, lost: str) -> None:
    explanation = push_without(*names)

    assert explanation.what_happened.startswith(f"Only {here} arrived, without {lost}. WeChat")
    required = "signature, timestamp, nonce"
    if "encrypt_type" not in names:
        required += ", msg_signature, encrypt_type"
    assert explanation.what_to_do.startswith(f"If you sent this, send {required}, or press")
    assert "echostr" not in explanation.full_text


def test_a_cut_query_string_comes_before_a_stranger() -> None:
    body, query = encrypted_push(A, MESSAGE)
    post(body, query, "Mozilla/4.0")
    explanation = push_without("encrypt_type", "msg_signature", agent="Mozilla/4.0")

    assert explanation.cause == "message_not_encrypted"
    assert "was not encrypted" not in explanation.what_happened
    assert explanation.what_to_do.startswith(
        "If WeChat sent it, encrypt_type and msg_signature may have been cut off on the way"
    )


@pytest.mark.parametrize("agent", ["Mozilla/4.0", "curl/8.4.0"])
def test_the_value_of_msg_signature_may_be_in_the_place_of_signature(agent: str) -> None:
    explanation = push_without(agent=agent, signature="msg_signature")

    assert explanation.cause in {"token_unknown", "copied_request"}
    assert "do not send its value as signature" in explanation.what_to_do
