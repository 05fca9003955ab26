"""*Test from this server* where one process serves both the page and the callback."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from django.conf import settings as project
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from verification.models import OfficialAccount
from verification.protocol.enums import Kind
from verification.tests.support.adapter import last_attempt
from verification.tests.support.gunicorn import (
    Gunicorn,
    database_url,
    free_port,
    running_gunicorn,
    wait_until_healthy,
)


def url_of(account: OfficialAccount) -> str:
    return reverse("admin:self_test", args=[account.pk])


#: The settings of the tests have no PUBLIC_URL.
REAL = {"DJANGO_SETTINGS_MODULE": "wechat_gateway.settings"}


@pytest.fixture
def one_worker(tmp_path: Path) -> Iterator[Gunicorn]:
    port = free_port()
    environment = {**REAL, "WEB_CONCURRENCY": "1", "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    with running_gunicorn(tmp_path / "output", port=port, **environment) as server:
        yield server


@pytest.fixture
def runserver(tmp_path: Path) -> Iterator[Gunicorn]:
    port, output = free_port(), tmp_path / "output"
    environment = {**REAL, "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    command = ["manage.py", "runserver", "--noreload", "--skip-checks", str(port)]
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=project.BASE_DIR,
            env={**os.environ, "DATABASE_URL": database_url(), **environment},
            stdout=log,
            stderr=log,
        )
        try:
            wait_until_healthy(process, port, output)
            yield Gunicorn(process, port, output)
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind_of_server", ["one_worker", "runserver"])
def test_one_process_serves_both_the_page_and_the_callback(
    request: pytest.FixtureRequest, kind_of_server: str, li_wei: User, brand_a: OfficialAccount
) -> None:
    server = request.getfixturevalue(kind_of_server)
    text = press_the_button(server.url + url_of(brand_a), li_wei)

    assert "WeChat would accept this answer, but something needs attention." in text
    assert (last_attempt().kind, last_attempt().client_ip) == (Kind.SELF_TEST, "127.0.0.1")


def press_the_button(url: str, person: User) -> str:
    """Send the form over a socket, with the cookies of a signed-in person."""
    client = Client()
    client.force_login(person)
    session, csrf = client.cookies[project.SESSION_COOKIE_NAME].value, "x" * 32
    cookies = f"{project.SESSION_COOKIE_NAME}={session}; {project.CSRF_COOKIE_NAME}={csrf}"
    data = urlencode({"csrfmiddlewaretoken": csrf}).encode()
    with urlopen(Request(url, data, headers={"Cookie": cookies})) as answer:
        text: str = answer.read().decode()
    return text
