"""The page that sends a test message."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from verification.models import AESKey, Backend, Delivery, OfficialAccount, VerificationAttempt
from verification.protocol.enums import Kind, Platform
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import B, last_attempt
from verification.tests.support.admin_client import (
    errors,
    open_account,
    staff,
    wechat_pushes_encrypted,
)
from verification.tests.support.backend import FakeBackend, set_backend
from verification.tests.support.gunicorn import Gunicorn
from verification.tests.support.messages import (
    AES_KEY,
    OTHER_AES_KEY,
    store_aes_key,
)
from verification.tests.support.wecom import SUITE_ID, make_wecom_app

REPLY = (
    b"<xml><ToUserName>wechat_gateway_test</ToUserName><FromUserName>gh_000000000000</FromUserName>"
    b"<CreateTime>1714036505</CreateTime><MsgType>text</MsgType>"
    b"<Content><![CDATA[<b>\xe6\x82\xa8\xe5\xa5\xbd</b>]]></Content></xml>"
)


def url_of(account: OfficialAccount) -> str:
    return reverse("admin:send_test_message", args=[account.pk])


def send(client: Client, account: OfficialAccount, **form: str) -> str:
    text: str = client.post(url_of(account), {"text": "hello", **form}).text
    return text


@pytest.fixture
def live(
    gunicorn: Gunicorn, brand_a: OfficialAccount, backend: FakeBackend, settings: Any
) -> FakeBackend:
    """Return the backend of brand-a, behind the gateway that PUBLIC_URL names."""
    settings.PUBLIC_URL = gunicorn.url
    set_backend(brand_a, backend.url, "keep")
    return backend


def test_the_reply_is_shown_to_the_person_who_sent_the_message(
    live: FakeBackend, li_wei_at_work: Client, brand_a: OfficialAccount, gunicorn: Gunicorn
) -> None:
    live.answer = lambda _: (200, REPLY)
    text = send(li_wei_at_work, brand_a, text="您好吗")

    assert "您好吗" in live.bodies()[0].decode()
    assert "The backend took the message and replied (text)." in text
    assert "&lt;b&gt;您好&lt;/b&gt;" in text
    assert "<b>您好" not in text
    assert f"{last_attempt().pk}, Self-test, Accepted" in text
    log = "\n".join(gunicorn.lines())
    assert "您好" not in log
    assert "\\u60a8" not in log


def test_a_failure_of_the_backend_is_explained_and_nothing_is_stored(
    live: FakeBackend, li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    live.answer = lambda _: (503, b"")
    text = html.unescape(send(li_wei_at_work, brand_a))

    assert "The backend answered with status 503." in text
    assert "start the application behind the proxy" in text
    assert "<dd>502</dd>" not in text  # It is this server's answer, not the backend's.
    assert not Delivery.objects.exists()


def test_a_backend_that_refuses_decrypted_messages_may_expect_encrypted_ones(
    live: FakeBackend, li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    live.answer = lambda _: (400, b"")
    assert "has taken none yet" not in send(li_wei_at_work, brand_a)
    store_aes_key(brand_a, AES_KEY)
    Backend.objects.update(forwards_decrypted=True)

    assert "has taken none yet: check that it expects" in send(li_wei_at_work, brand_a)


def test_it_is_encrypted_if_that_was_ticked(
    live: FakeBackend, li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    assert 'name="encrypted"' not in li_wei_at_work.get(url_of(brand_a)).text
    store_aes_key(brand_a, AES_KEY)
    assert 'name="encrypted"' in li_wei_at_work.get(url_of(brand_a)).text

    send(li_wei_at_work, brand_a)
    send(li_wei_at_work, brand_a, encrypted="on")
    plain, encrypted = live.bodies()
    assert b"<Content>" in plain
    assert b"<Encrypt>" in encrypted
    assert b"<Content>" not in encrypted


def test_a_wecom_app_gets_it_encrypted_without_being_asked(
    live: FakeBackend, li_wei_at_work: Client
) -> None:
    app = make_wecom_app("service", B)
    set_backend(app, live.url, "keep")
    text = li_wei_at_work.get(url_of(app)).text
    assert 'name="encrypted"' not in text
    assert 'name="data_format"' not in text
    assert "as WeCom does, and shows what members would get" in text

    text = send(li_wei_at_work, app)
    assert f"{last_attempt().pk}, Self-test, Accepted" in text
    assert b"<Encrypt>" in live.bodies()[0]


def test_a_third_party_app_gets_an_event(live: FakeBackend, li_wei_at_work: Client) -> None:
    app = make_wecom_app("service", B, suite_id=SUITE_ID)
    set_backend(app, live.url, "keep")
    page = li_wei_at_work.get(url_of(app)).text
    assert 'name="text"' not in page
    assert "sends itself a signed event, as WeCom does" in page

    text = li_wei_at_work.post(url_of(app)).text
    assert "The backend took the event and answered “success”." in text
    assert f"{last_attempt().pk}, Self-test, Accepted" in text


def test_a_plain_one_fails_where_wechats_own_are_refused(
    live: FakeBackend, li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    key = store_aes_key(brand_a, AES_KEY)
    AESKey.objects.filter(pk=key.pk).update(first_used_at=timezone.now())
    form = li_wei_at_work.get(url_of(brand_a)).context["form"]
    assert form["encrypted"].value() is True

    assert "own plain messages are refused" in send(li_wei_at_work, brand_a)
    assert "own plain messages are refused" not in send(li_wei_at_work, brand_a, encrypted="on")


def test_an_encrypted_one_fails_while_wechats_own_do_not_fit_the_key(
    live: FakeBackend, li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    store_aes_key(brand_a, AES_KEY)
    wechat_pushes_encrypted(brand_a, OTHER_AES_KEY)
    live.answer = lambda _: (200, b"success")
    text = html.unescape(send(li_wei_at_work, brand_a, encrypted="on"))

    assert "The backend took the message and sends no reply. This test was encrypted with" in text
    assert "nothing that WeChat has sent so far fits that key and the AppID." in text
    assert "Compare the EncodingAESKey and the AppID on the account's page with the" in text


def test_a_wecom_app_without_its_key_gets_none(live: FakeBackend, li_wei_at_work: Client) -> None:
    app = make_wecom_app("service", B, key="")

    assert "The account has no EncodingAESKey" in send(li_wei_at_work, app)
    assert not live.received


@pytest.mark.parametrize(("data_format", "start"), [("json", b"{"), ("xml", b"<"), ("", b"<")])
def test_a_mini_program_gets_it_in_the_format_of_its_console(
    live: FakeBackend, li_wei_at_work: Client, data_format: str, start: bytes
) -> None:
    shop = make_account("shop", B, platform=Platform.MINI_PROGRAM.value)
    set_backend(shop, live.url, "keep")
    assert "what users would get" in li_wei_at_work.get(url_of(shop)).text

    send(li_wei_at_work, shop, data_format=data_format)
    assert live.bodies()[0].startswith(start)


def test_it_is_not_sent_in_the_plain_if_an_encrypted_one_lacks_the_app_id(
    live: FakeBackend, li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    store_aes_key(brand_a, AES_KEY)
    OfficialAccount.objects.update(app_id="")

    text = send(li_wei_at_work, brand_a, encrypted="on")
    assert "The account has no AppID, which each encrypted message ends with." in text
    assert not live.received


def test_without_a_backend_it_says_what_the_message_shows(
    live: FakeBackend, li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    Backend.objects.all().delete()
    text = send(li_wei_at_work, brand_a)

    assert "This server accepts the messages of this account." in text
    assert live.received == []


def test_a_lost_encryption_key_is_named(
    live: FakeBackend, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any
) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4]

    assert "The token cannot be decrypted." in send(li_wei_at_work, brand_a)
    assert live.received == []


def test_a_text_that_xml_cannot_hold_is_refused(
    live: FakeBackend, li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    text = errors(li_wei_at_work.post(url_of(brand_a), {"text": "\x01"}))

    assert "cannot hold" in text
    assert live.received == []


def test_without_public_url_it_says_so(li_wei_at_work: Client, brand_a: OfficialAccount) -> None:
    text = send(li_wei_at_work, brand_a)

    assert "PUBLIC_URL is not set" in text
    assert 'type="submit" class="default"' not in text
    assert not VerificationAttempt.objects.exists()


def test_only_who_may_send_it_can(brand_a: OfficialAccount) -> None:
    client = staff("view_officialaccount", "change_officialaccount", "rotate_token")
    assert url_of(brand_a) not in open_account(client, brand_a)
    assert client.get(url_of(brand_a)).status_code == 403
    assert client.post(url_of(brand_a), {"text": "hello"}).status_code == 403


def test_no_other_target_can_be_given(
    live: FakeBackend, brand_a: OfficialAccount, li_wei_at_work: Client
) -> None:
    send(li_wei_at_work, brand_a, url="http://10.0.0.1/", PUBLIC_URL="http://10.0.0.1/")

    assert last_attempt().kind == Kind.SELF_TEST
    assert len(live.received) == 1
