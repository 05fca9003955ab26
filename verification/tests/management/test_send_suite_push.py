"""send_push sends an event as third-party apps of WeCom get them."""

from __future__ import annotations

from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from wechatpy.enterprise.crypto import WeChatCrypto as WeComCrypto

from verification.models import Backend, VerificationAttempt
from verification.protocol.enums import Kind
from verification.tests.support.adapter import A, last_attempt
from verification.tests.support.backend import FakeBackend, set_backend
from verification.tests.support.gunicorn import Gunicorn
from verification.tests.support.messages import AES_KEY
from verification.tests.support.sent_push import XML_REPLY, Output, query_of, send_push
from verification.tests.support.wecom import SUITE_ID, make_wecom_app


class TestThirdPartyApp:
    """Its URL for commands (指令回调URL) gets events of the suite, and no member's message."""

    @pytest.fixture(autouse=True)
    def live(
        self, gunicorn: Gunicorn, db: None, backend: FakeBackend, settings: Any
    ) -> FakeBackend:
        settings.PORT = gunicorn.port
        self.account, self.backend = make_wecom_app("brand", A, suite_id=SUITE_ID), backend
        set_backend(self.account, backend.url, "keep")
        return backend

    def test_it_gets_an_event_of_a_type_on_which_no_backend_acts(self, capsys: Output) -> None:
        out = send_push(capsys)

        [received] = self.backend.received
        query = query_of(received.target)
        plain = WeComCrypto(A, AES_KEY, SUITE_ID).decrypt_message(
            received.body, query["msg_signature"], query["timestamp"], query["nonce"]
        )
        event = {child.tag: child.text for child in fromstring(plain)}
        assert (event["SuiteId"], event["InfoType"]) == (SUITE_ID, "wechat_gateway_test")
        assert [*event] == ["SuiteId", "InfoType", "TimeStamp"]
        assert f"<ToUserName><![CDATA[{SUITE_ID}]]></ToUserName>".encode() in received.body
        assert b"<AgentID><![CDATA[]]></AgentID>" in received.body
        assert "The backend took the event and answered “success”." in out
        assert (last_attempt().kind, last_attempt().status) == (Kind.SELF_TEST, 200)

    @pytest.mark.parametrize("reply", ["", "fail", "<html>", XML_REPLY, "ENCRYPTED"])
    def test_any_answer_but_success_is_an_error_to_wecom(self, capsys: Output, reply: str) -> None:
        if reply == "ENCRYPTED":
            crypto = WeComCrypto(A, AES_KEY, SUITE_ID)
            reply = crypto.encrypt_message("success", "1", "1714036505")
        self.backend.answer = lambda _: (200, reply.encode())

        assert send_push(capsys).startswith(
            "The backend took the event, but the answer is not “success”. Let the backend answer "
            "exactly “success”, not encrypted, to each event, also to those that it does not know: "
            "WeCom takes anything else for an error."
        )

    def test_a_line_break_may_be_the_backends(self, capsys: Output) -> None:
        self.backend.answer = lambda _: (200, b"success\n")

        assert send_push(capsys).endswith(
            "The backend, or something in front of this server, adds it."
        )

    def test_a_failure_of_the_backend_is_explained(self, capsys: Output) -> None:
        self.backend.answer = lambda _: (500, b"")

        assert send_push(capsys).startswith("The backend answered with status 500.")

    def test_a_backend_that_gets_it_decrypted_reads_the_event(self, capsys: Output) -> None:
        Backend.objects.update(forwards_decrypted=True)
        out = send_push(capsys)

        assert b"<InfoType><![CDATA[wechat_gateway_test]]></InfoType>" in self.backend.bodies()[0]
        assert "answered “success”." in out

    def test_without_a_backend_it_says_what_is_lost(self, capsys: Output) -> None:
        Backend.objects.all().delete()

        assert send_push(capsys).endswith(
            "This server accepts the events of this account. The account has no backend, so each "
            "suite_ticket is lost: set one.\n"
        )

    def test_it_has_no_text(self, capsys: Output) -> None:
        assert send_push(capsys, "--text", "hello").startswith("A third-party app gets an event")
        assert not VerificationAttempt.objects.exists()
