"""send_push sends a message as Mini Programs and WeCom apps get them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from wechatpy.crypto import WeChatCrypto
from wechatpy.enterprise.crypto import WeChatCrypto as WeComCrypto
from wechatpy.enterprise.parser import parse_message as parse_wecom_message
from wechatpy.parser import parse_message

from verification.models import Delivery, OfficialAccount, VerificationAttempt
from verification.protocol.enums import Kind, Mark, Platform, Reason
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A, B, last_attempt
from verification.tests.support.backend import FakeBackend, set_backend
from verification.tests.support.gunicorn import Gunicorn
from verification.tests.support.messages import (
    AES_KEY,
    APP_ID,
    ORIGINAL_ID,
    encrypt,
    store_aes_key,
)
from verification.tests.support.sent_push import SENDER, XML_REPLY, Output, query_of, send_push
from verification.tests.support.signer import signature
from verification.tests.support.wecom import CORP_ID, make_wecom_app

REPLY = {"ToUserName": SENDER, "FromUserName": ORIGINAL_ID, "CreateTime": 1714036505}
TRANSFER = {**REPLY, "MsgType": "transfer_customer_service"}


class TestMiniProgram:
    @pytest.fixture(autouse=True)
    def live(
        self, gunicorn: Gunicorn, db: None, backend: FakeBackend, settings: Any
    ) -> FakeBackend:
        settings.PORT = gunicorn.port
        account = make_account(
            "brand", A, platform=Platform.MINI_PROGRAM.value, original_id=ORIGINAL_ID
        )
        set_backend(account, backend.url, "keep")
        self.account, self.backend = account, backend
        return backend

    def test_a_message_in_json_reaches_the_backend(self, capsys: Output) -> None:
        out = send_push(capsys, "--format", "json", "--text", "您好 <b>&]]>")

        [received] = self.backend.received
        message = json.loads(received.body)
        assert (message["ToUserName"], message["FromUserName"]) == (ORIGINAL_ID, SENDER)
        assert (message["MsgType"], message["Content"]) == ("text", "您好 <b>&]]>")
        assert isinstance(message["MsgId"], int)
        assert received.headers["content-type"] == "text/xml"
        assert "sends no reply." in out
        assert (last_attempt().kind, last_attempt().status) == (Kind.SELF_TEST, 200)

    def test_xml_is_the_default(self, capsys: Output) -> None:
        send_push(capsys, "--text", "您好")

        assert parse_message(self.backend.received[0].body).content == "您好"

    def test_an_encrypted_message_in_json_is_readable_for_wechatpy(self, capsys: Output) -> None:
        store_aes_key(self.account, AES_KEY)
        out = send_push(capsys, "--format", "json", "--encrypted", "--text", "您好")

        [received] = self.backend.received
        envelope, query = json.loads(received.body), query_of(received.target)
        plain = WeChatCrypto(A, AES_KEY, APP_ID).decrypt_message(
            envelope, query["msg_signature"], query["timestamp"], query["nonce"]
        )
        assert envelope["ToUserName"] == ORIGINAL_ID
        assert json.loads(plain)["Content"] == "您好"
        assert query["encrypt_type"] == "aes"
        assert "The backend took the message" in out

    @pytest.mark.parametrize("timestamp", [1714036505, "1714036505"])
    def test_an_encrypted_reply_in_json_is_read(self, capsys: Output, timestamp: object) -> None:
        store_aes_key(self.account, AES_KEY)
        text = encrypt(json.dumps(TRANSFER).encode())
        reply = {
            "Encrypt": text,
            "MsgSignature": signature(A, "1714036505", "415670741", text),
            "TimeStamp": timestamp,
            "Nonce": "415670741",
        }
        self.backend.answer = lambda _: (200, json.dumps(reply).encode())
        out = send_push(capsys, "--format", "json", "--encrypted")

        assert "and replied (transfer_customer_service)." in out

    def test_an_encrypted_success_is_a_fault(self, capsys: Output) -> None:
        store_aes_key(self.account, AES_KEY)
        reply = WeChatCrypto(A, AES_KEY, APP_ID).encrypt_message("success", "1", "1714036505")
        self.backend.answer = lambda _: (200, reply.encode())

        assert "The backend encrypted “success”" in send_push(capsys, "--encrypted")

    @pytest.mark.parametrize(
        ("options", "reply", "sentence"),
        [
            (
                ["--format", "json"],
                XML_REPLY.replace(CORP_ID, ORIGINAL_ID),
                "replied in XML to a message in JSON.",
            ),
            ([], json.dumps(TRANSFER), "replied in JSON to a message in XML."),
        ],
    )
    def test_a_reply_in_the_other_format_is_explained(
        self, capsys: Output, options: list[str], reply: str, sentence: str
    ) -> None:
        self.backend.answer = lambda _: (200, reply.encode())

        assert sentence in send_push(capsys, *options)

    def test_only_mini_programs_get_json(self, capsys: Output) -> None:
        OfficialAccount.objects.update(platform=Platform.OFFICIAL_ACCOUNT)

        assert send_push(capsys, "--format", "json").startswith(
            "Only Mini Programs get messages in JSON"
        )
        assert not VerificationAttempt.objects.exists()


class TestWeCom:
    @pytest.fixture(autouse=True)
    def live(
        self, gunicorn: Gunicorn, db: None, backend: FakeBackend, settings: Any
    ) -> FakeBackend:
        settings.PORT = gunicorn.port
        self.account, self.backend = make_wecom_app("brand", A), backend
        set_backend(self.account, backend.url, "keep")
        return backend

    def decrypted(self, corp_id: str = CORP_ID) -> Any:
        """Return the message that the backend has received, as wechatpy reads it."""
        [received] = self.backend.received
        query = query_of(received.target)
        plain = WeComCrypto(A, AES_KEY, corp_id).decrypt_message(
            received.body, query["msg_signature"], query["timestamp"], query["nonce"]
        )
        return parse_wecom_message(plain)

    def test_it_is_encrypted_and_reaches_the_backend_as_a_members_would(
        self, capsys: Output
    ) -> None:
        out = send_push(capsys, "--text", "您好 <b>&]]>")

        message = self.decrypted()
        assert (message.source, message.target) == (SENDER, CORP_ID)
        assert (message.agent, message.content) == (1000002, "您好 <b>&]]>")
        [received] = self.backend.received
        assert [*query_of(received.target)] == ["msg_signature", "timestamp", "nonce"]
        assert b"<AgentID><![CDATA[1000002]]></AgentID>" in received.body
        assert "您好" not in received.body.decode()
        assert "The backend took the message and sends no reply." in out

    def test_it_is_recorded_as_a_self_test_and_uses_no_key(self, capsys: Output) -> None:
        send_push(capsys)

        attempt = last_attempt()
        assert (attempt.kind, attempt.status) == (Kind.SELF_TEST, 200)
        assert attempt.marks & (Mark.HTTP_1_0 | Mark.MSG_SIGNATURE) == Mark.MSG_SIGNATURE
        assert self.account.aes_keys.get().first_used_at is None
        assert not Delivery.objects.exists()

    def test_an_encrypted_reply_is_read(self, capsys: Output) -> None:
        reply = WeComCrypto(A, AES_KEY, CORP_ID).encrypt_message(XML_REPLY, "1", "1714036505")
        self.backend.answer = lambda _: (200, reply.encode())
        out = send_push(capsys)

        assert "The backend took the message and replied (text)." in out
        assert "您好" not in out

    @pytest.mark.parametrize(
        ("reply", "sentence"),
        [
            (XML_REPLY, "Let the backend encrypt its reply: WeCom accepts no plain one here."),
            (
                WeComCrypto(B, AES_KEY, CORP_ID).encrypt_message(XML_REPLY, "1", "1714036505"),
                "is wrong, so WeCom would not accept it. Give the backend the token",
            ),
            (
                WeComCrypto(A, AES_KEY, APP_ID).encrypt_message(XML_REPLY, "1", "1714036505"),
                "Give the backend the EncodingAESKey and the CorpID that this account has",
            ),
        ],
    )
    def test_a_reply_that_wecom_would_not_accept_is_explained(
        self, capsys: Output, reply: str, sentence: str
    ) -> None:
        self.backend.answer = lambda _: (200, reply.encode())

        assert sentence in send_push(capsys)

    def test_another_token_is_refused(self, capsys: Output) -> None:
        message = send_push(capsys, "--token", B)

        assert message.startswith("The message was refused with status 403. Attempt ")
        assert last_attempt().reason == Reason.SIGNATURE_MISMATCH
        assert self.backend.received == []

    def test_without_a_key_it_says_what_to_do(self, capsys: Output) -> None:
        self.account.aes_keys.all().delete()

        assert "run set_aes_key brand --key -." in send_push(capsys)
