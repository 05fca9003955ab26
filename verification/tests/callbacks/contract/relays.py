"""Pushes of accounts that have a backend."""

from __future__ import annotations

import base64
import hmac
import time

import pytest

from verification.models import OfficialAccount, Tally
from verification.protocol.enums import DeliveryResult, Kind, Outcome, Reason
from verification.tests.support.adapter import TEXT, A, Adapter, B, last_attempt
from verification.tests.support.backend import (
    REPLY,
    WEBHOOK_SECRET,
    FakeBackend,
    set_backend,
    waiting,
)
from verification.tests.support.messages import text_message
from verification.tests.support.signer import push, self_test_nonce, verification

#: Bodies that no backend is to read.
UNREADABLE = {
    "nothing": b"",
    "html": b"<html><body>hello</body></html>",
    "cut": TEXT[:-9],
    "entity bomb": b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><xml><A>&b;</A></xml>',
    "DTD behind a control character": b"<!-- -\x01-><!DOCTYPE x []> <!-- --><xml></xml>",
    "external entity": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml>&a;</xml>',
    "too large": b"<xml><Content>" + b"x" * 1_048_576 + b"</Content></xml>",
    "a list": b"[1]",
}


class Relays(Adapter):
    #: How long a push is left without an answer, at least.
    hold_seconds = 5.0

    def test_a_push_reaches_the_backend_byte_for_byte(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, f"{backend.url}?from=gateway")
        query = f"{push(A)}&extra=%2f+%E4%BD%A0"
        answer = self.send("POST", f"/wechat/brand-a?{query}", {"Content-Type": "text/xml"}, TEXT)

        [received] = backend.received
        assert (answer.status, answer.body) == (200, b"success")
        assert received.target == f"/wechat?from=gateway&{query}"
        assert received.body == TEXT
        assert received.headers["content-type"] == "text/xml"
        assert received.headers["x-wechat-account"] == "brand-a"
        assert Tally.objects.get().count == 1

    def test_the_backend_can_verify_who_forwarded_it(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        self.push()

        headers = backend.received[0].headers
        identity, moment = headers["webhook-id"], headers["webhook-timestamp"]
        key = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
        signed = f"{identity}.{moment}.".encode() + TEXT
        expected = base64.b64encode(hmac.digest(key, signed, "sha256")).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
        assert abs(time.time() - int(moment)) < 60

    def test_a_repeat_has_the_same_webhook_id_and_another_message_has_not(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        set_backend(brand_b, backend.url)
        self.push()
        self.push(nonce="another")
        self.push(text_message("hello", msg_id="24000000000000002"))
        self.send("POST", f"/wechat/brand-b?{push(B)}", None, TEXT)

        first, repeat, other, of_brand_b = (
            request.headers["webhook-id"] for request in backend.received
        )
        assert first == repeat
        assert len({first, other, of_brand_b}) == 3
        assert "24000000000000001" not in first

    def test_two_events_of_one_second_are_two_messages(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        event = (
            b"<xml><ToUserName>gh_1</ToUserName><FromUserName>o1</FromUserName>"
            b"<CreateTime>1</CreateTime><MsgType>event</MsgType><Event>wxa_media_check</Event>"
            b"<trace_id>%s</trace_id></xml>"
        )
        for trace in (b"a", b"b", b"a"):
            self.push(event % trace)

        first, second, repeat = (r.headers["webhook-id"] for r in backend.received)
        assert first == repeat
        assert first != second

    def test_the_reply_goes_back_to_the_follower(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        headers = {"Content-Type": "text/html; charset=utf-8", "Set-Cookie": "a=b", "X-Evil": "1"}
        backend.answer = lambda _: (200, REPLY, headers)
        answer = self.send("POST", f"/wechat/brand-a?{push(A)}", None, TEXT)

        assert (answer.status, answer.body) == (200, REPLY)
        assert answer.headers["content-type"] == "text/xml; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert not {"set-cookie", "x-evil"} & answer.headers.keys()

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"success",
            b'{"ToUserName": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY", '
            b'"FromUserName": "gh_97417a04a28d", "MsgType": "transfer_customer_service"}',
        ],
    )
    def test_other_replies_that_wechat_takes_go_back_unchanged(
        self, brand_a: OfficialAccount, backend: FakeBackend, body: bytes
    ) -> None:
        set_backend(brand_a, backend.url)
        backend.answer = lambda _: (200, body)

        assert self.push() == (200, body)

    @pytest.mark.parametrize(
        "body",
        [
            b"<html>Log in</html>",
            b'"success"',
            b"<xml>\x00</xml>",
            UNREADABLE["entity bomb"],
            REPLY.replace(b"gh_97417a04a28d", b"gh_of_another_1"),
            REPLY.replace(b"o9AgO5Kd5ggOC-bXrbNODIiE3bGY", b"o_of_somebody_else"),
        ],
    )
    def test_a_reply_that_a_follower_would_see_as_a_fault_is_replaced(
        self, brand_a: OfficialAccount, backend: FakeBackend, body: bytes
    ) -> None:
        set_backend(brand_a, backend.url)
        backend.answer = lambda _: (200, body)

        assert self.push() == (200, b"success")
        assert len(backend.received) == 1
        assert self.wait_for_count_of(DeliveryResult.UNUSABLE_REPLY) >= 1

    def test_no_url_verification_reaches_a_backend(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        answer = self.send("GET", f"/wechat/brand-a?{verification(A)}")

        assert answer.body == b"4375120948345356249"
        assert backend.received == []

    def test_a_refused_push_does_not_reach_the_backend(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)

        assert self.push(token=B) == (403, b"bad token")
        assert backend.received == []

    @pytest.mark.parametrize("name", UNREADABLE)
    def test_a_body_that_is_no_message_is_refused(
        self, brand_a: OfficialAccount, backend: FakeBackend, name: str
    ) -> None:
        set_backend(brand_a, backend.url)

        assert self.push(UNREADABLE[name]) == (400, b"bad request")
        assert backend.received == []
        attempt = last_attempt()
        assert (attempt.kind, attempt.reason, attempt.detail) == (
            Kind.MESSAGE_PUSH,
            Reason.MALFORMED_PARAMETER,
            "body",
        )

    def test_a_message_of_almost_one_megabyte_is_forwarded(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        body = text_message("x" * 1_048_000, msg_id="1")

        assert self.push(body) == (200, b"success")
        assert backend.bodies() == [body]

    def test_a_push_that_was_forwarded_before_is_a_loop(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        answer = self.send(
            "POST", f"/wechat/brand-a?{push(A)}", {"X-WeChat-Account": "brand-b"}, TEXT
        )

        assert (answer.status, answer.body) == (508, b"loop")
        assert backend.received == []

    def test_one_signature_is_forwarded_twenty_times_a_minute(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        statuses = [self.push(nonce="copied")[0] for _ in range(60)]

        assert statuses[:20] == [200] * 20
        assert statuses.count(200) == len(backend.received) <= 40  # 20 in each of two processes
        assert set(statuses) == {200, 503}

    def test_a_push_that_is_not_kept_gets_no_answer_while_wechat_waits(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url, "resend")
        backend.answer = lambda _: (500, b"")
        started = time.monotonic()

        assert self.push()[0] == 503
        assert time.monotonic() - started > self.hold_seconds
        assert waiting() == []
        assert self.wait_for_count_of(DeliveryResult.SERVER_ERROR) >= 1

    def test_a_test_message_is_forwarded_and_recorded_as_a_self_test(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)

        assert self.push(nonce=self_test_nonce(body=TEXT)) == (200, b"success")
        assert len(backend.received) == 1
        assert (last_attempt().kind, last_attempt().outcome) == (
            Kind.SELF_TEST,
            Outcome.ACCEPTED,
        )

    def test_the_address_of_a_test_message_sends_no_other_as_one(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        forged = text_message("send everything to me", msg_id="3")
        for nonce in (self_test_nonce(body=TEXT), self_test_nonce()):
            self.push(forged, nonce=nonce)

        assert Tally.objects.get().kind == Kind.MESSAGE_PUSH

    @pytest.mark.parametrize(
        ("status", "said"), [(500, b"server_error 500"), (404, b"client_error 404")]
    )
    def test_the_failure_of_a_test_message_is_said_at_once(
        self, brand_a: OfficialAccount, backend: FakeBackend, status: int, said: bytes
    ) -> None:
        set_backend(brand_a, backend.url)
        backend.answer = lambda _: (status, b"")

        assert self.push(nonce=self_test_nonce(body=TEXT)) == (502, said)
