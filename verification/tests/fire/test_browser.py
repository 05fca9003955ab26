"""What a deployment tells browsers, by the rules of Mozilla's HTTP Observatory."""

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
from verification.tests.fire.conftest import KeepFigure
from verification.tests.fire.support.observatory import Page, results, score
from verification.tests.fire.support.production import running_production
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import PASSWORD, call
from verification.tests.support.admin_urls import every_url
from verification.tests.support.gunicorn import Gunicorn, free_port

pytestmark = pytest.mark.postgresql
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Visitor:
    """A browser that comes from a foreign page, by a proxy that ends TLS."""

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

    def look_at(self, path: str) -> tuple[int, Page]:
        status, headers, body = self.fetch(path)
        _status, plain, _body = self.fetch(path, scheme="http")
        leads_to = plain.get_all("Location", [])
        return status, Page(f"https://127.0.0.1{path}", headers, body, leads_to)


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
    """What li.wei looks at, and what is answered."""
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
    deployed: Gunicorn, li_weis_session: str, brand_a: OfficialAccount, figure: KeepFigure
) -> None:
    call("/wechat/brand-a", A)
    visitor, stranger = Visitor(deployed, sessionid=li_weis_session), Visitor(deployed)
    looks = {path: visitor.look_at(path) for path in pages_of(brand_a)}
    expected = {**pages_of(brand_a), "/admin/login/": 200}
    looks["/admin/login/"] = stranger.look_at("/admin/login/")
    marks = {path: score(results(page)) for path, (_status, page) in looks.items()}

    assert {path: status for path, (status, _page) in looks.items()} == expected
    figure(
        "Browsers are told to be careful with every page",
        target="Mozilla Observatory ≥ 100",
        measured=f"{min(marks.values())} to {max(marks.values())} on {len(marks)} pages",
        is_met=min(marks.values()) >= 100,
    )
    assert min(marks.values()) >= 100, marks


def test_a_page_that_failed_is_no_exception(transactional_db: None, tmp_path: Path) -> None:
    nowhere = f"postgres://gateway@127.0.0.1:{free_port()}/gateway"
    with running_production(tmp_path, DATABASE_URL=nowhere) as server:
        status, page = Visitor(server, sessionid="s" * 32).look_at("/admin/")

    assert status == 500
    assert score(results(page)) >= 100


def flags_of(headers: Message) -> dict[str, set[str]]:
    lines = [line.lower().split("; ") for line in headers.get_all("Set-Cookie", [])]
    return {flags[0].partition("=")[0]: set(flags[1:]) for flags in lines}


def test_each_cookie_belongs_to_this_host_over_https_and_to_no_script(
    deployed: Gunicorn, settings: Any
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    User.objects.create_superuser("wang.fang", password=PASSWORD)
    _status, seen, _text = Visitor(deployed).fetch("/admin/login/")
    secret = seen["Set-Cookie"].split("=")[1].split(";")[0]
    form = {"username": "wang.fang", "password": PASSWORD, "csrfmiddlewaretoken": secret}
    visitor = Visitor(deployed, csrftoken=secret)
    status, signed_in, _text = visitor.fetch("/admin/login/", form)
    _status, spoken_to, _text = visitor.fetch("/language", {**form, "language": "zh-hans"})
    cookies = {**flags_of(seen), **flags_of(signed_in), **flags_of(spoken_to)}

    assert status == 302
    assert set(cookies) == {"__host-csrftoken", "__host-sessionid", "__host-language"}
    for flags in cookies.values():
        assert {"secure", "httponly", "path=/", "samesite=lax"} <= flags
        assert not [flag for flag in flags if flag.startswith("domain")]


def test_static_files_are_for_our_own_pages_only(deployed: Gunicorn) -> None:
    _status, _headers, text = Visitor(deployed).fetch("/admin/login/")
    path = re.findall(r'href="(/static/[^"]+\.css)"', text)[0]
    status, headers, _text = Visitor(deployed).fetch(path)

    assert status == 200
    assert headers["Access-Control-Allow-Origin"] is None
    assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "immutable" in headers["Cache-Control"]


def test_no_page_of_the_admin_is_kept_by_a_browser(
    deployed: Gunicorn, li_weis_session: str, brand_a: OfficialAccount
) -> None:
    visitor = Visitor(deployed, sessionid=li_weis_session)
    call("/wechat/brand-a", A)
    for path, status in pages_of(brand_a).items():
        if path.startswith("/admin/") and status == 200:
            _status, headers, _text = visitor.fetch(path)
            assert "no-store" in headers.get("Cache-Control", ""), path


def test_no_form_is_taken_without_its_token(li_wei: User, on_record: OfficialAccount) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(li_wei)
    answers = {url: client.post(url).status_code for url in [*every_url(on_record), "/language"]}

    assert {url: status for url, status in answers.items() if status != 403} == {}
