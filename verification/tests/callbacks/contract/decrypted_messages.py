"""Pushes of accounts whose backend gets messages decrypted."""

from __future__ import annotations

import base64
import hmac
import json
from urllib.parse import parse_qsl

import pytest
from django.test import override_settings

from verification.accounts.rotation import rotate
from verification.fields import Secret
from verification.models import AESKey, Backend, OfficialAccount, Token
from verification.protocol.enums import DeliveryResult, Reason
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import TEXT, A, Adapter, B, last_attempt
from verification.tests.support.backend import (
    REPLY,
    WEBHOOK_SECRET,
    FakeBackend,
    Received,
    set_backend,
    waiting,
)
from verification.tests.support.decrypted import (
    JSON_MESSAGE,
    JSON_REPLY,
    decrypt_reply,
    json_push,
    read_envelope,
)
from verification.tests.support.lost_keys import LOST_KEY
from verification.tests.support.messages import (
    AES_KEY,
    FOLLOWER,
    OTHER_AES_KEY,
    encrypted_push,
    store_aes_key,
    text_message,
)
from verification.tests.support.wecom import (
    CORP_ID,
    MEMBER,
    SUITE_ID,
    make_wecom_app,
    wecom_message,
    wecom_push,
)


def forward_decrypted(
    account: OfficialAccount, backend: FakeBackend, on_failure: str = "resend", key: str = AES_KEY
) -> None:
    if key:
        store_aes_key(account, key)
    set_backend(account, backend.url, on_failure, forwards_decrypted=True)


def query_of(received: Received) -> dict[str, str]:
    return dict(parse_qsl(received.target.partition("?")[2], strict_parsing=True))


class DecryptedMessages(Adapter):
    # --- What the backend gets

    def test_the_backend_gets_the_message_as_the_follower_sent_it(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        forward_decrypted(brand_a, backend)
        body, query = encrypted_push(A, TEXT)

        assert self.push_encrypted((body, f"{query}&extra=%2f+%E4%BD%A0")) == (200, b"success")
        [received] = backend.received
        assert received.body == TEXT
        assert received.headers["content-type"] == "text/xml; charset=utf-8"
        assert received.target.endswith("&extra=%2f+%E4%BD%A0")
        assert query_of(received).keys() == {"signature", "timestamp", "nonce", "openid", "extra"}

    def test_the_webhook_signature_is_over_the_plain_message(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        forward_decrypted(brand_a, backend)
        self.push_encrypted(encrypted_push(A, TEXT))

        headers = backend.received[0].headers
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + TEXT
        key = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
        expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"

    def test_of_the_compatible_mode_it_gets_the_decrypted_message(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        forward_decrypted(brand_a, backend)
        plain = b"<Content>send everything to me</Content>"
        self.push_encrypted(encrypted_push(A, TEXT, plain=plain))

        assert backend.bodies() == [TEXT]

    def test_a_message_of_the_plain_mode_goes_as_it_came(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        forward_decrypted(brand_a, backend)
        backend.answer = lambda _: (200, REPLY)

        assert self.push() == (200, REPLY)
        assert backend.bodies() == [TEXT]
        assert backend.received[0].headers["content-type"] == "text/xml"

    # --- What it replies

    def test_its_plain_reply_goes_back_encrypted_and_signed(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        forward_decrypted(brand_a, backend)
        backend.answer = lambda _: (200, REPLY)
        body, query = encrypted_push(A, TEXT)
        answer = self.send("POST", f"/wechat/brand-a?{query}", None, body)

        assert answer.status == 200
        assert answer.headers["content-type"] == "text/xml; charset=utf-8"
        assert decrypt_reply(answer.body, A) == REPLY
        assert read_envelope(answer.body)["Nonce"] != query_of(backend.received[0])["nonce"]

    def test_a_mini_program_that_sends_json_gets_json(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        forward_decrypted(brand_a, backend)
        backend.answer = lambda _: (200, JSON_REPLY)
        body, query = json_push(A)
        answer = self.send("POST", f"/wechat/brand-a?{query}", {"Content-Type": "text/xml"}, body)

        assert backend.bodies() == [JSON_MESSAGE]
        assert backend.received[0].headers["content-type"] == "application/json; charset=utf-8"
        assert answer.headers["content-type"] == "application/json; charset=utf-8"
        assert isinstance(json.loads(answer.body)["TimeStamp"], int)
        assert decrypt_reply(answer.body, A) == JSON_REPLY

    @pytest.mark.parametrize("reply", [REPLY, b"{}"])
    def test_xml_and_an_empty_object_are_no_reply_to_json(
        self, brand_a: OfficialAccount, backend: FakeBackend, reply: bytes
    ) -> None:
        forward_decrypted(brand_a, backend)
        backend.answer = lambda _: (200, reply)

        assert self.push_encrypted(json_push(A)) == (200, b"success")
        assert self.wait_for_count_of(DeliveryResult.UNUSABLE_REPLY) >= 1

    @pytest.mark.parametrize("receive_id", [CORP_ID, SUITE_ID])
    def test_the_reply_to_wecom_ends_with_the_id_that_the_push_ended_with(
        self, db: None, backend: FakeBackend, receive_id: str
    ) -> None:
        app = make_wecom_app("crm", B, suite_id=SUITE_ID)
        set_backend(app, backend.url, forwards_decrypted=True)
        message = wecom_message("hello")
        reply = (
            f"<xml><ToUserName>{MEMBER}</ToUserName><FromUserName>{CORP_ID}</FromUserName>"
            "<MsgType>text</MsgType><Content>你好</Content></xml>"
        ).encode()
        backend.answer = lambda _: (200, reply)
        body, query = wecom_push(B, message, corp_id=receive_id)
        answer = self.send("POST", f"/wechat/crm?{query}", None, body)

        [received] = backend.received
        assert received.body == message
        assert query_of(received).keys() == {"timestamp", "nonce"}
        assert decrypt_reply(answer.body, B, receive_id=receive_id) == reply

    @pytest.mark.parametrize(
        ("status", "body", "expected"),
        [(200, b"success", b"success"), (200, b"", b""), (202, REPLY, b"success")],
    )
    def test_what_is_no_reply_goes_back_as_it_is(
        self,
        brand_a: OfficialAccount,
        backend: FakeBackend,
        status: int,
        body: bytes,
        expected: bytes,
    ) -> None:
        """WeChat does not understand an encrypted "success"."""
        forward_decrypted(brand_a, backend)
        backend.answer = lambda _: (status, body)

        assert self.push_encrypted(encrypted_push(A, TEXT)) == (200, expected)

    @pytest.mark.parametrize(
        "reply",
        [
            encrypted_push(A, REPLY)[0],
            REPLY.replace(FOLLOWER.encode(), b"o_of_somebody_else"),
            b"<html>Log in</html>",
            JSON_REPLY,
            b"{ }",
            b'<?xml version="1.0"?>\n<xml />',
            b"<xml>\nno field</xml>",
        ],
        ids=["encrypted", "for somebody else", "a page", "JSON", "{}", "<xml/>", "<xml>text</xml>"],
    )
    def test_a_reply_that_no_follower_can_get_is_replaced(
        self, brand_a: OfficialAccount, backend: FakeBackend, reply: bytes
    ) -> None:
        forward_decrypted(brand_a, backend)
        backend.answer = lambda _: (200, reply)

        test_message = encrypted_push(A, TEXT, is_test_message=True)
        assert self.push_encrypted(encrypted_push(A, TEXT)) == (200, b"success")
        assert self.push_encrypted(test_message) == (502, b"unusable_reply 200")

    def test_the_reply_to_a_test_message_is_encrypted_as_well(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        forward_decrypted(brand_a, backend)
        backend.answer = lambda _: (200, REPLY)
        status, body = self.push_encrypted(encrypted_push(A, TEXT, is_test_message=True))

        assert status == 200
        assert decrypt_reply(body, A) == REPLY

    # --- Rotations

    def test_the_reply_has_the_key_and_the_token_of_the_message(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        forward_decrypted(brand_a, backend)
        backend.answer = lambda _: (200, REPLY)
        store_aes_key(brand_a, OTHER_AES_KEY)
        rotate(Token, brand_a, "TokenOfBrandA9999", LI_WEI)
        _status, old = self.push_encrypted(encrypted_push(A, TEXT))
        _status, new = self.push_encrypted(
            encrypted_push("TokenOfBrandA9999", TEXT, key=OTHER_AES_KEY)
        )

        assert decrypt_reply(old, A) == REPLY
        assert decrypt_reply(new, "TokenOfBrandA9999", key=OTHER_AES_KEY) == REPLY

    # --- What cannot be decrypted

    @pytest.mark.parametrize("key", ["", OTHER_AES_KEY], ids=["no key", "a mistyped key"])
    def test_what_cannot_be_decrypted_does_not_reach_the_backend(
        self, brand_a: OfficialAccount, backend: FakeBackend, key: str
    ) -> None:
        forward_decrypted(brand_a, backend, key=key)
        test_message = encrypted_push(A, TEXT, is_test_message=True)

        assert self.push_encrypted(test_message) == (502, b"not_decrypted")
        assert backend.received == []

    def test_a_key_that_is_lost_is_said(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        forward_decrypted(brand_a, backend)
        with override_settings(TOKEN_ENCRYPTION_KEYS=[LOST_KEY]):
            AESKey.objects.update(secret=Secret.of(AES_KEY))
        test_message = encrypted_push(A, TEXT, is_test_message=True)

        assert self.push_encrypted(test_message) == (502, b"key_missing")
        assert backend.received == []

    def test_with_resend_wechat_gets_no_answer_and_the_page_says_why(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        forward_decrypted(brand_a, backend, key=OTHER_AES_KEY)

        assert self.push_encrypted(encrypted_push(A, TEXT))[0] == 503
        assert backend.received == []
        assert self.wait_for_count_of(DeliveryResult.NOT_DECRYPTED) >= 1
        assert not Backend.objects.get().is_failing

    @pytest.mark.postgresql
    def test_messages_that_cannot_be_decrypted_hold_up_no_others(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        """A plain one of another follower is forwarded, and gets its reply."""
        forward_decrypted(brand_a, backend, "keep", key=OTHER_AES_KEY)
        backend.answer = lambda _: (200, REPLY)
        for number in range(4):
            body, query = encrypted_push(A, text_message("hi", msg_id=str(number)))
            self.push_encrypted((body, query.replace(FOLLOWER, f"o_other{number}")))
        assert self.wait_for_count_of(DeliveryResult.NOT_DECRYPTED) >= 1

        assert self.push() == (200, REPLY)

    @pytest.mark.postgresql
    def test_with_keep_it_waits_as_it_came(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        forward_decrypted(brand_a, backend, "keep", key=OTHER_AES_KEY)

        assert self.push_encrypted(encrypted_push(A, TEXT)) == (200, b"success")
        [delivery] = waiting()
        assert delivery.last_result == DeliveryResult.NOT_DECRYPTED
        assert backend.received == []

    def test_once_the_key_is_proven_a_message_of_another_key_is_refused(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        forward_decrypted(brand_a, backend)
        self.push_encrypted(encrypted_push(A, TEXT))
        other = encrypted_push(A, text_message("hi", msg_id="2"), key=OTHER_AES_KEY)

        assert self.push_encrypted(other) == (403, b"bad token")
        assert last_attempt().reason == Reason.UNDECRYPTABLE_MESSAGE
        assert backend.bodies() == [TEXT]
