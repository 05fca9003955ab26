"""send_push sends a message as WeChat does, and says what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from wechatpy.crypto import WeChatCrypto
from wechatpy.parser import parse_message

from verification.models import Delivery, OfficialAccount, VerificationAttempt
from verification.protocol.enums import Kind, Reason
from verification.tests.support.adapter import A, B, last_attempt
from verification.tests.support.backend import FakeBackend, set_backend
from verification.tests.support.fake_server import serving
from verification.tests.support.gunicorn import Gunicorn, free_port
from verification.tests.support.messages import (
    AES_KEY,
    APP_ID,
    ORIGINAL_ID,
    OTHER_AES_KEY,
    store_aes_key,
)
from verification.tests.support.sent_push import Output, send_push

TO_US = b"<xml><ToUserName>wechat_gateway_test</ToUserName><FromUserName>%s</FromUserName>"
HELLO = TO_US % b"gh_000000000000" + (
    b"<CreateTime>1714036505</CreateTime><MsgType>text</MsgType>"
    b"<Content><![CDATA[\xe6\x82\xa8\xe5\xa5\xbd]]></Content></xml>"
)


@pytest.fixture
def live(
    gunicorn: Gunicorn, brand_a: OfficialAccount, backend: FakeBackend, settings: Any
) -> FakeBackend:
    """Return the backend of brand-a, behind a gateway at the account's own URL."""
    settings.PORT = gunicorn.port
    set_backend(brand_a, backend.url, "keep")
    return backend


def send(capsys: Output, *options: str) -> str:
    return send_push(capsys, *options, slug="brand-a")


def facts(capsys: Output, *options: str) -> dict[str, Any]:
    printed: dict[str, Any] = json.loads(send(capsys, "--json", *options))
    return printed


def encrypted_reply(message: bytes, *, key: str = AES_KEY, token: str = A) -> bytes:
    crypto = WeChatCrypto(token, key, APP_ID)
    return bytes(crypto.encrypt_message(message.decode(), "1", "1714036505").encode())


class TestAMessage:
    def test_it_reaches_the_backend_as_a_followers_would(
        self, live: FakeBackend, brand_a: OfficialAccount, capsys: Output
    ) -> None:
        OfficialAccount.objects.update(original_id=ORIGINAL_ID)
        out = send(capsys, "--text", "您好 <b>&]]>")

        [received] = live.received
        message = parse_message(received.body)
        query = parse_qs(urlsplit(received.target).query)
        assert (message.source, message.target) == ("wechat_gateway_test", ORIGINAL_ID)
        assert message.content == "您好 <b>&]]>"
        assert query["openid"] == ["wechat_gateway_test"]
        assert "encrypt_type" not in query
        assert received.headers["content-type"] == "text/xml"
        assert "answers 200 (7 bytes) in " in out
        assert out.endswith("The backend took the message and sends no reply.\n")

    def test_it_is_recorded_as_a_self_test_and_uses_no_token(
        self, live: FakeBackend, brand_a: OfficialAccount, capsys: Output
    ) -> None:
        send(capsys)

        assert (last_attempt().kind, last_attempt().status) == (Kind.SELF_TEST, 200)
        assert brand_a.tokens.get().first_used_at is None

    def test_it_is_a_new_one_each_time(self, live: FakeBackend, capsys: Output) -> None:
        send(capsys)
        send(capsys)

        first, second = (parse_message(body).id for body in live.bodies())
        assert first != second

    def test_an_encrypted_one_is_readable_for_a_backend_that_decrypts(
        self, live: FakeBackend, brand_a: OfficialAccount, capsys: Output
    ) -> None:
        key = store_aes_key(brand_a, AES_KEY)
        out = send(capsys, "--encrypted", "--text", "您好")

        [received] = live.received
        query = {name: values[0] for name, values in parse_qs(received.target).items()}
        crypto = WeChatCrypto(A, AES_KEY, APP_ID)
        plain = crypto.decrypt_message(
            received.body, query["msg_signature"], query["timestamp"], query["nonce"]
        )
        assert parse_message(plain).content == "您好"
        assert query["encrypt_type"] == "aes"
        assert "The backend took the message" in out
        key.refresh_from_db()
        assert key.first_used_at is None  # It was not WeChat that used it.

    def test_without_a_key_it_cannot_be_encrypted_and_says_what_to_do(
        self, live: FakeBackend, capsys: Output
    ) -> None:
        assert send(capsys, "--encrypted") == (
            "The account has no EncodingAESKey. Enter it on the account's page, or run set_aes_key "
            "brand-a --key -."
        )
        assert not VerificationAttempt.objects.exists()

    def test_encrypted_without_an_app_id_is_not_sent(
        self, live: FakeBackend, brand_a: OfficialAccount, capsys: Output
    ) -> None:
        store_aes_key(brand_a, AES_KEY)
        OfficialAccount.objects.update(app_id="")

        assert send(capsys, "--encrypted").startswith(
            "The account has no AppID, which each encrypted message ends with."
        )
        assert not VerificationAttempt.objects.exists()

    def test_a_text_that_xml_cannot_hold_is_not_sent(
        self, live: FakeBackend, capsys: Output
    ) -> None:
        assert "cannot hold" in send(capsys, "--text", "\x00")
        assert not VerificationAttempt.objects.exists()


class TestWhatTheFollowerWouldGet:
    @pytest.mark.parametrize(("body", "kind"), [(b"", "empty"), (b"success", "success")])
    def test_a_follower_gets_nothing_from_an_empty_answer(
        self, live: FakeBackend, capsys: Output, body: bytes, kind: str
    ) -> None:
        live.answer = lambda _: (200, body)
        told = facts(capsys)

        assert (told["status"], told["bytes"], told["passes"]) == (200, len(body), True)
        assert (told["reply"], told["reason"], told["problems"]) == (kind, None, [])

    def test_the_kind_of_a_reply_is_named_and_its_text_is_not_printed(
        self, live: FakeBackend, capsys: Output
    ) -> None:
        live.answer = lambda _: (200, HELLO)
        out = send(capsys)

        assert "The backend took the message and replied (text)." in out
        assert "您好" not in out

    def test_an_encrypted_reply_is_decrypted_and_named(
        self, live: FakeBackend, brand_a: OfficialAccount, capsys: Output
    ) -> None:
        store_aes_key(brand_a, AES_KEY)
        live.answer = lambda _: (200, encrypted_reply(HELLO))

        assert facts(capsys, "--encrypted")["reply"] == "text"

    @pytest.mark.parametrize(
        ("reply", "sentence"),
        [
            (encrypted_reply(HELLO, token=B), "The signature of the backend's reply is wrong"),
            (encrypted_reply(HELLO, key=OTHER_AES_KEY), "The reply of the backend cannot be decr"),
            (
                encrypted_reply(HELLO.replace(b"wechat_gateway_test", b"somebody")),
                "The reply of the backend is not for the person who wrote.",
            ),
            (encrypted_reply(b"<html>"), "its reply cannot be passed on to the follower."),
            (HELLO, "The backend replied with a plain message to an encrypted one."),
        ],
    )
    def test_a_reply_that_wechat_would_not_accept_is_explained(
        self,
        live: FakeBackend,
        brand_a: OfficialAccount,
        capsys: Output,
        reply: bytes,
        sentence: str,
    ) -> None:
        store_aes_key(brand_a, AES_KEY)
        live.answer = lambda _: (200, reply)

        assert sentence in send(capsys, "--encrypted")

    def test_an_encrypted_reply_to_a_plain_message_is_explained(
        self, live: FakeBackend, capsys: Output
    ) -> None:
        live.answer = lambda _: (200, encrypted_reply(HELLO))

        assert "replied with an encrypted message to a plain one." in send(capsys)


class TestAFailure:
    @pytest.mark.parametrize(
        ("answer", "result", "sentence", "advice"),
        [
            ((500, b"oops"), "server_error", "answered with status 500.", "backend's log"),
            ((404, b""), "client_error", "refused the message with status 404.", "the path"),
            ((302, b""), "redirect", "redirects (status 302)", "slash at its end"),
            ((200, b"<html></html>"), "unusable_reply", "cannot be passed on", "“success”"),
        ],
    )
    def test_a_failure_of_the_backend_is_named_and_nothing_is_stored(
        self,
        live: FakeBackend,
        capsys: Output,
        answer: tuple[int, bytes],
        result: str,
        sentence: str,
        advice: str,
    ) -> None:
        live.answer = lambda _: answer
        told = send(capsys)

        assert sentence in told
        assert advice in told
        assert not Delivery.objects.exists()
        with pytest.raises(CommandError):
            call_command("send_push", "brand-a", "--json")
        assert json.loads(capsys.readouterr().out)["reason"] == result

    def test_a_backend_that_is_not_running_is_told_from_a_gateway_that_is_not(
        self, live: FakeBackend, brand_a: OfficialAccount, capsys: Output
    ) -> None:
        set_backend(brand_a, f"http://127.0.0.1:{free_port()}/")
        assert send(capsys).startswith("The host of the backend URL has a private or reserved")

        message = send(capsys, "--url", f"http://127.0.0.1:{free_port()}/wechat/brand-a")
        assert "cannot be reached: connection refused." in message

    def test_a_refusal_of_the_token_is_explained(self, live: FakeBackend, capsys: Output) -> None:
        message = send(capsys, "--token", B)

        assert message.startswith("The message was refused with status 403. Attempt ")
        assert last_attempt().reason == Reason.SIGNATURE_MISMATCH
        assert live.received == []

    def test_the_answer_of_another_server_is_shown(
        self, brand_a: OfficialAccount, capsys: Output
    ) -> None:
        def teapot(_: str) -> Iterator[bytes]:
            yield b"HTTP/1.0 418 Teapot\r\nContent-Length: 6\r\n\r\nteapot"

        with serving(teapot) as server:
            message = send(capsys, "--url", server.url)

        assert "It answers 418, not 200, and says “teapot”." in message


def test_without_a_backend_it_only_shows_that_the_gateway_accepts_messages(
    gunicorn: Gunicorn, brand_a: OfficialAccount, settings: Any, capsys: Output
) -> None:
    settings.PORT = gunicorn.port

    assert send(capsys).endswith(
        "This server accepts the messages of this account. The account has no backend, so nobody "
        "gets a reply: set one.\n"
    )


def test_it_calls_as_wechat_does(brand_a: OfficialAccount, capsys: Output) -> None:
    def success(_: str) -> Iterator[bytes]:
        yield b"HTTP/1.0 200 OK\r\nContent-Length: 7\r\n\r\nsuccess"

    with serving(success) as server:
        send(capsys, "--url", f"{server.url}/wechat/brand-a")
    line, *headers = server.received.decode().splitlines()

    assert line.startswith("POST /wechat/brand-a?signature=")
    assert line.endswith(" HTTP/1.0")
    assert {"User-Agent: Mozilla/4.0", "Accept: */*", "Content-Type: text/xml"} <= set(headers)


@pytest.mark.parametrize("url", ["wx.example.cn", "https://", "http://a b/"])
def test_an_url_that_is_none_is_refused(brand_a: OfficialAccount, capsys: Output, url: str) -> None:
    assert send(capsys, "--url", url).startswith("The URL must begin with http://")
