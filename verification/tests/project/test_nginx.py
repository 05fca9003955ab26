"""Run deploy/nginx.conf with the system's nginx, in front of gunicorn in production mode."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import User

from verification.models import OfficialAccount
from verification.tests.support.adapter import A, last_attempt
from verification.tests.support.admin_client import PASSWORD
from verification.tests.support.checkout import PRODUCTION, Checkout
from verification.tests.support.gunicorn import database_url, free_port, running_gunicorn
from verification.tests.support.nginx import DOMAIN, NGINX, Browser, Nginx, running_nginx
from verification.tests.support.signer import push, signed, verification

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(NGINX is None, reason="there is no nginx (apt install nginx)"),
]


@pytest.fixture(scope="module")
def _nginx(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    place = tmp_path_factory.mktemp("nginx")
    checkout = Checkout(place / "checkout")
    production = {
        **PRODUCTION,
        "DJANGO_SETTINGS_MODULE": "wechat_gateway.settings",  # not those of the tests
        "WECHAT_GATEWAY_LOCAL": "0",
        "DATABASE_URL": database_url(),
        "TRUSTED_PROXY_COUNT": "1",
    }
    port = free_port()
    with (
        running_gunicorn(
            place / "output",
            port=port,
            place=str(checkout.path),
            BIND="127.0.0.1",
            **production,
        ),
        running_nginx(place / "site", upstream=port) as nginx,
    ):
        yield nginx


@pytest.fixture
def nginx(_nginx: Nginx, transactional_db: None) -> Nginx:
    return _nginx


def test_li_wei_signs_in_over_https_and_gets_the_static_files(nginx: Nginx, li_wei: User) -> None:
    # The tests' own hasher is unknown in production.
    li_wei.password = PBKDF2PasswordHasher().encode(PASSWORD, "salt of li.wei")
    li_wei.save()
    browser = Browser(nginx)
    status, _, page = browser.open("/admin/login/")
    assert status == 200
    files = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)
    assert len(files) > 3
    assert {browser.open(path)[0] for path in files} == {200}

    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert token
    form = {"csrfmiddlewaretoken": token[1], "username": "li.wei", "password": PASSWORD}
    status, location, _ = browser.open("/admin/login/", {**form, "next": "/admin/"})

    assert (status, location) == (302, "/admin/")
    assert browser.open("/admin/")[0] == 200


def test_wechat_gets_the_echostr_over_http_1_0_and_its_address_is_recorded(
    nginx: Nginx, brand_a: OfficialAccount
) -> None:
    head = f"Host: {DOMAIN}\r\nX-Forwarded-For: 203.0.113.66\r\nX-Forwarded-Proto: http\r\n\r\n"
    target = f"/wechat/brand-a?{verification(A)}"
    answer = nginx.send(f"GET {target} HTTP/1.0\r\n{head}".encode())

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n4375120948345356249")
    attempt = last_attempt()
    assert attempt.client_ip == "127.0.0.1"  # not the one that the caller made up
    assert attempt.scheme == "https"
    assert attempt.host == DOMAIN


def test_a_message_push_without_a_host_header_is_answered(
    nginx: Nginx, brand_a: OfficialAccount
) -> None:
    head = f"POST /wechat/brand-a?{push(A)} HTTP/1.0\r\nContent-Length: 6\r\n\r\n"

    assert nginx.send(f"{head}<xml/>".encode()).endswith(b"\r\n\r\nsuccess")


def test_http_is_redirected_to_https_except_the_renewal_of_the_certificate(nginx: Nginx) -> None:
    head = f"HTTP/1.0\r\nHost: {DOMAIN}\r\n\r\n"
    challenge = nginx.place / ".well-known/acme-challenge"
    challenge.mkdir(parents=True, exist_ok=True)
    (challenge / "4711").write_text("answer for the issuer")

    redirect = nginx.send_unencrypted(f"GET /admin/?q=1 {head}".encode()).decode()
    renewal = nginx.send_unencrypted(f"GET /.well-known/acme-challenge/4711 {head}".encode())

    assert redirect.startswith("HTTP/1.1 301 ")
    assert f"\r\nLocation: https://{DOMAIN}/admin/?q=1\r\n" in redirect
    assert renewal.endswith(b"answer for the issuer")


def test_a_large_body_is_refused_before_it_reaches_the_gateway(nginx: Nginx) -> None:
    head = f"POST /admin/login/ HTTP/1.1\r\nHost: {DOMAIN}\r\nContent-Length: 2000000\r\n\r\n"
    with nginx.connect() as wire:
        wire.sendall(head.encode())

        assert wire.recv(4096).startswith(b"HTTP/1.1 413 ")


def test_a_caller_who_never_finishes_the_head_is_disconnected(nginx: Nginx) -> None:
    assert nginx.send(b"GET /wechat/brand-a HTTP/1.1\r\nX-Padding: ") == b""


# Its own nginx, because nothing listens behind it.
def test_no_log_has_a_query_string_even_while_the_gateway_is_away(
    nginx: Nginx, brand_a: OfficialAccount, tmp_path: Path
) -> None:
    secret = signed(A)["signature"]
    request = f"GET /wechat/brand-a?{verification(A)} HTTP/1.0\r\nReferer: ?{secret}\r\n\r\n"
    assert b" 200 " in nginx.send(request.encode())
    nginx.send_unencrypted(request.encode())
    with running_nginx(tmp_path / "site", upstream=free_port()) as alone:
        assert b" 502 " in alone.send(request.encode())
        logs = nginx.log() + alone.log()

    for status in (200, 301, 502):
        assert f'"GET /wechat/brand-a HTTP/1.0" {status} ' in logs
    assert secret not in logs
    assert "signature" not in logs
