"""The security headers and cookies of a deployment, scored by Mozilla's HTTP Observatory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client

from verification.models import OfficialAccount
from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.mozilla_observatory import Page, results, score
from verification.tests.fire.support.production import running_production
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import PASSWORD, call
from verification.tests.support.admin_urls import every_url
from verification.tests.support.gunicorn import Gunicorn, free_port

pytestmark = pytest.mark.postgresql
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Visitor:
    """A browser that sends the Origin of another site, behind a proxy that terminates TLS."""

    def __init__(self, server: Gunicorn, **cookies: str) -> None:
        self.server, self.cookies = server, cookies

    def fetch(
        self, path: str, form: dict[str, str] | None = None, *, scheme: str = "https"
    ) -> tuple[int, Message, str]:
        headers = {"X-Forwarded-Proto": scheme, "Origin": "https://elsewhere.example"}
        if form is not None:
            headers.update(FORM, Origin=f"https://127.0.0.1:{self.server.port}")
        headers["Cookie"] = "; ".join(
            f"__Host-{name}={text}" for name, text in self.cookies.items()
        )
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        method = "GET" if form is None else "POST"
        connection.request(method, path, urlencode(form or {}), headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, response.headers, text

    def get_page(self, path: str) -> tuple[int, Page]:
        status, headers, body = self.fetch(path)
        _status, plain, _body = self.fetch(path, scheme="http")
        redirects = plain.get_all("Location", [])
        return status, Page(f"https://127.0.0.1{path}", headers, body, redirects)


@pytest.fixture(scope="module")
def _deployed(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gunicorn]:
    with running_production(tmp_path_factory.mktemp("deployed")) as server:
        yield server


@pytest.fixture
def deployed(_deployed: Gunicorn, transactional_db: None) -> Gunicorn:
    return _deployed


@pytest.fixture
def li_weis_session(li_wei: User) -> str:
    client = Client()
    client.force_login(li_wei)
    return str(client.session.session_key)


def pages_of(account: OfficialAccount) -> dict[str, int]:
    """Return the pages that li.wei opens, and the status of each."""
    model = "/admin/verification"
    return {
        "/": 200,
        "/admin/": 200,
        "/nothing-here": 404,
        "/admin/nothing-here/": 404,
        f"{model}/officialaccount/": 200,
        f"{model}/officialaccount/{account.pk}/change/": 200,
        f"{model}/officialaccount/{account.pk}/rotate/": 200,
        f"{model}/verificationattempt/": 200,
        f"{model}/verificationattempt/1/change/": 200,
        f"{model}/seal/integrity/": 200,
        "/admin/auth/user/": 200,
        "/admin/password_change/": 200,
    }


def test_every_page_has_full_marks(
    deployed: Gunicorn, li_weis_session: str, brand_a: OfficialAccount, figure: RecordFigure
) -> None:
    call("/wechat/brand-a", A)
    visitor, stranger = Visitor(deployed, sessionid=li_weis_session), Visitor(deployed)
    pages = {path: visitor.get_page(path) for path in pages_of(brand_a)}
    expected = {**pages_of(brand_a), "/admin/login/": 200}
    pages["/admin/login/"] = stranger.get_page("/admin/login/")
    scores = {path: score(results(page)) for path, (_status, page) in pages.items()}

    assert {path: status for path, (status, _page) in pages.items()} == expected
    figure(
        "Every page has strict security headers",
        target="Mozilla Observatory ≥ 100",
        measured=f"{min(scores.values())} to {max(scores.values())} on {len(scores)} pages",
        is_met=min(scores.values()) >= 100,
    )
    assert min(scores.values()) >= 100, scores


def test_an_error_page_has_full_marks_too(transactional_db: None, tmp_path: Path) -> None:
    nowhere = f"postgres://gateway@127.0.0.1:{free_port()}/gateway"
    with running_production(tmp_path, DATABASE_URL=nowhere) as server:
        status, page = Visitor(server, sessionid="s" * 32).get_page("/admin/")

    assert status == 500
    assert score(results(page)) >= 100


def flags_of(headers: Message) -> dict[str, set[str]]:
    lines = [line.lower().split("; ") for line in headers.get_all("Set-Cookie", [])]
    return {flags[0].partition("=")[0]: set(flags[1:]) for flags in lines}


def test_cookies_are_for_this_host_over_https_and_not_for_scripts(
    deployed: Gunicorn, settings: Any
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    User.objects.create_superuser("wang.fang", password=PASSWORD)
    _status, form_page, _text = Visitor(deployed).fetch("/admin/login/")
    secret = form_page["Set-Cookie"].split("=")[1].split(";")[0]
    form = {"username": "wang.fang", "password": PASSWORD, "csrfmiddlewaretoken": secret}
    visitor = Visitor(deployed, csrftoken=secret)
    status, sign_in, _text = visitor.fetch("/admin/login/", form)
    _status, language, _text = visitor.fetch("/language", {**form, "language": "zh-hans"})
    cookies = {**flags_of(form_page), **flags_of(sign_in), **flags_of(language)}

    assert status == 302
    assert set(cookies) == {"__host-csrftoken", "__host-sessionid", "__host-language"}
    for flags in cookies.values():
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= flags
        assert not [flag for flag in flags if flag.startswith("domain")]


def test_other_sites_cannot_load_static_files(deployed: Gunicorn) -> None:
    _status, _headers, text = Visitor(deployed).fetch("/admin/login/")
    path = re.findall(r'href="(/static/[^"]+\.css)"', text)[0]
    status, headers, _text = Visitor(deployed).fetch(path)

    assert status == 200
    assert headers["Access-Control-Allow-Origin"] is None
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "immutable" in headers["Cache-Control"]


def test_browsers_do_not_cache_admin_pages(
    deployed: Gunicorn, li_weis_session: str, brand_a: OfficialAccount
) -> None:
    visitor = Visitor(deployed, sessionid=li_weis_session)
    call("/wechat/brand-a", A)
    for path, status in pages_of(brand_a).items():
        if path.startswith("/admin/") and status == 200:
            _status, headers, _text = visitor.fetch(path)
            assert "no-store" in headers.get("Cache-Control", ""), path


def test_every_form_is_refused_without_its_csrf_token(
    li_wei: User, on_record: OfficialAccount
) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(li_wei)
    answers = {url: client.post(url).status_code for url in [*every_url(on_record), "/language"]}

    assert {url: status for url, status in answers.items() if status != 403} == {}
