from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from verification.accounts.tokens import rotate_token
from verification.models import OfficialAccount
from verification.protocol.enums import Kind
from verification.self_test import client
from verification.tests.support import fake_server
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A, B, last_attempt
from verification.tests.support.checkout import Checkout, assert_one_sentence
from verification.tests.support.fake_server import AnswerFunction, ok, serving
from verification.tests.support.gunicorn import Gunicorn, free_port
from verification.tests.support.signer import signature


@pytest.mark.parametrize("path", ["/wechat/brand-a", "/wechat/brand-a/", "/", "", "/?lang=zh"])
def test_a_server_url_that_works_passes(
    gunicorn: Gunicorn, brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    call_command("send_check", "brand-a", url=gunicorn.url + path)
    out, err = capsys.readouterr()

    assert out.startswith(f"{gunicorn.url}{path} passes: 200 and the exact echostr (19 bytes) in ")
    assert (out.count("\n"), err) == (1, "")
    assert (last_attempt().account, last_attempt().user_agent) == (brand_a, "Mozilla/4.0")


def test_without_an_url_it_calls_the_accounts_own(
    gunicorn: Gunicorn,
    brand_a: OfficialAccount,
    capsys: pytest.CaptureFixture[str],
    settings: Any,
) -> None:
    settings.PORT = gunicorn.port
    call_command("send_check", "brand-a")

    assert capsys.readouterr().out.startswith(f"{gunicorn.url}/wechat/brand-a passes")


def test_the_accounts_own_url_begins_with_the_public_url(
    brand_a: OfficialAccount, settings
) -> None:
    settings.PUBLIC_URL = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(CommandError, match=f"{settings.PUBLIC_URL}/wechat/brand-a would not"):
        call_command("send_check", "brand-a")


def test_a_check_in_the_middle_of_a_rotation_ends_no_token(
    gunicorn: Gunicorn, brand_a: OfficialAccount
) -> None:
    """WeChat's console still has the old token."""
    new = rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI)
    call_command("send_check", "brand-a", url=f"{gunicorn.url}/")

    assert last_attempt().kind == Kind.SELF_TEST
    assert (last_attempt().token, last_attempt().status) == (new, 200)
    assert {token.expires_at for token in brand_a.tokens.all()} == {None}


@pytest.mark.parametrize("token", [B, ""])
def test_the_wrong_token_would_not_pass(
    gunicorn: Gunicorn, brand_a: OfficialAccount, token: str
) -> None:
    with pytest.raises(
        CommandError, match="would not pass. It answers 403, not 200, and says “bad token”."
    ):
        call_command("send_check", "brand-a", token=token, url=f"{gunicorn.url}/wechat/brand-a")


def test_a_server_that_cannot_record_refers_to_its_log(brand_a: OfficialAccount) -> None:
    def try_again(_echostr: str) -> Iterator[bytes]:
        yield b"HTTP/1.0 503 Service Unavailable\r\nContent-Length: 9\r\n\r\ntry again"

    with serving(try_again) as server, pytest.raises(CommandError) as refusal:
        call_command("send_check", "brand-a", url=server.url)

    assert str(refusal.value).endswith(
        "could not record the request: see the attempt_unrecorded lines in its log."
    )


def test_another_server_records_it_as_wechats(
    gunicorn: Gunicorn, brand_a: OfficialAccount, settings: Any
) -> None:
    """A server with other keys cannot recognize a self-test; the help says so."""
    url, secret = f"{gunicorn.url}/wechat/brand-a", A
    settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4]
    call_command("send_check", "brand-a", token=secret, url=url)

    assert last_attempt().kind == Kind.URL_VERIFICATION


def test_it_calls_as_wechat_does(brand_a: OfficialAccount) -> None:
    with serving(fake_server.right) as server:
        call_command("send_check", "brand-a", url=f"{server.url}/wechat/brand-a")
    line, *headers = server.received.decode().splitlines()
    method, target, version = line.split(" ")
    query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}

    assert (method, version) == ("GET", "HTTP/1.0")
    assert {"User-Agent: Mozilla/4.0", "Accept: */*"} <= set(headers)
    assert headers[0] == f"Host: {urlsplit(server.url).netloc}"
    assert query.pop("signature") == signature(A, query["timestamp"], query["nonce"])
    assert query.keys() == {"echostr", "timestamp", "nonce"}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda echostr: ok(json.dumps(echostr).encode()), "The echostr is in quotes."),
        (lambda echostr: ok(f"'{echostr}'".encode()), "The echostr is in quotes."),
        (lambda echostr: ok(echostr.encode() + b"!"), "20 bytes came instead of 19"),
        (fake_server.with_a_mark, "BOM.* Something in front of this server adds it, or another"),
        (lambda echostr: ok(echostr.encode() + b"\n"), "has a line break or a blank beside it."),
        (lambda echostr: ok(b""), "0 bytes came instead of 19"),
        (lambda echostr: ok(b"<html>" * 9), "54 bytes came .* “<html>"),
        (lambda echostr: iter([b"HTTP/1.1 500 Oh\r\n\r\n\xff" + b"no" * 99]), "It answers 500"),
        (lambda echostr: iter([b"HTTP/1.1 204 None\r\n\r\n"]), "It answers 204, not 200"),
        (fake_server.redirect, "It redirects to https://wx.example.cn/A, and WeChat follows"),
        (fake_server.chunked, "The body is chunked, which WeChat's HTTP/1.0 cannot read"),
        (fake_server.nothing, "No HTTP answer came: the connection was closed"),
        (fake_server.no_http, "No HTTP answer came: SSH"),
        (fake_server.breaking_off, "The body broke off: the answer is shorter"),
        (fake_server.without_end, "65536 bytes came instead"),
    ],
)
def test_an_answer_that_wechat_would_not_accept_fails(
    brand_a: OfficialAccount, answer: AnswerFunction, why: str
) -> None:
    with serving(answer) as server, pytest.raises(CommandError, match=why) as refusal:
        call_command("send_check", "brand-a", url=f"{server.url}/wechat/brand-a")

    assert str(refusal.value).startswith(f"{server.url}/wechat/brand-a ")
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize("answer", [fake_server.in_a_moment, fake_server.drop_by_drop])
def test_a_slow_server_would_not_pass(
    brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch, answer: AnswerFunction
) -> None:
    monkeypatch.setattr(client, "TIMEOUT", 0.2)
    started = time.monotonic()
    with serving(answer) as server, pytest.raises(CommandError, match="No complete answer"):
        call_command("send_check", "brand-a", url=f"{server.url}/wechat/brand-a")

    assert time.monotonic() - started < 2


def test_an_unreachable_server_fails(brand_a: OfficialAccount) -> None:
    with pytest.raises(CommandError, match="cannot be reached: connection refused"):
        call_command("send_check", "brand-a", url=f"http://127.0.0.1:{free_port()}/")


def test_https_to_a_plain_port_fails(gunicorn: Gunicorn, brand_a: OfficialAccount) -> None:
    with pytest.raises(CommandError, match=r"No secure connection: .*SSL"):
        call_command("send_check", "brand-a", url=f"https://127.0.0.1:{gunicorn.port}/")


@pytest.mark.parametrize(
    "url",
    [
        "wx.example.cn/wechat/brand-a",
        "ftp://wx.example.cn/",
        "http://",
        "http:///wechat/brand-a",
        "http://[::1",
        "http://127.0.0.1:port/",
        "http://127.0.0.1:99999/",
        "http://127.0.0.1/two words",
        "http://127.0.0.1/wechat/店",
        "http://127.0.0.1/wechat/brand-a#top",
        "",
    ],
)
def test_an_invalid_url_is_refused_in_a_sentence(brand_a: OfficialAccount, url: str) -> None:
    with pytest.raises(CommandError, match=r"^The URL must begin with http:// or https://"):
        call_command("send_check", "brand-a", url=url)


def test_an_account_that_cannot_sign_is_named(db: None) -> None:
    OfficialAccount.objects.create(slug="brand-a", name="Brand A")
    with pytest.raises(CommandError, match="Brand A has no token yet: run rotate_token brand-a"):
        call_command("send_check", "brand-a")
    with pytest.raises(CommandError, match='no account with the slug "nobody"'):
        call_command("send_check", "nobody")


def test_the_exit_code_tells_a_script(
    gunicorn: Gunicorn, brand_a: OfficialAccount, tmp_path: Path
) -> None:
    checkout = Checkout(tmp_path)
    own_url = {"PORT": str(gunicorn.port)}
    right = checkout.manage_test_database("send_check", "brand-a", **own_url)
    wrong = checkout.manage_test_database("send_check", "brand-a", "--token", B, **own_url)

    assert (right.returncode, right.stderr) == (0, "")
    assert "would not pass" in assert_one_sentence(wrong)
    assert not [secret for secret in (A, B) if secret in right.stdout + wrong.stderr]
