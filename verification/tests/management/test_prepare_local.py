from __future__ import annotations

import http.client
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.http import HttpRequest

from verification.models import OfficialAccount, Token
from verification.tests.support.checkout import PRODUCTION, Checkout, assert_one_sentence
from verification.tests.support.gunicorn import Gunicorn


def prepare(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """Return the printed values by their labels."""
    call_command("prepare_local")
    lines = capsys.readouterr().out.splitlines()
    return {name: rest.strip() for name, _, rest in (line.partition(": ") for line in lines)}


@pytest.mark.usefixtures("db")
def test_the_printed_password_signs_in(capsys: pytest.CaptureFixture[str]) -> None:
    said = prepare(capsys)["Admin"]
    match = re.fullmatch(r"http://127.0.0.1:\d+/admin/ as admin, password (\w{16}) .*", said)

    assert match is not None
    assert authenticate(HttpRequest(), username="admin", password=match[1])
    assert User.objects.get().is_superuser


def test_the_printed_curl_passes(
    gunicorn: Gunicorn, capsys: pytest.CaptureFixture[str], settings
) -> None:
    settings.PORT = gunicorn.port
    call_command("prepare_local")
    out = capsys.readouterr().out
    curl, url = shlex.split(out.partition("Try it: ")[2].splitlines()[0])
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=5)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()

    assert (curl, answer.status) == ("curl", 200)
    assert f"answers {answer.read().decode()}, as WeChat expects" in out
    connection.close()


@pytest.mark.usefixtures("db")
def test_the_next_start_changes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    first = prepare(capsys)
    before = [*User.objects.values(), *OfficialAccount.objects.values(), *Token.objects.values()]
    second = prepare(capsys)
    after = [*User.objects.values(), *OfficialAccount.objects.values(), *Token.objects.values()]

    assert repr(before) == repr(after)
    assert second["Admin"].endswith("/admin/")  # no password: it was shown once
    assert second["Server URL"] == first["Server URL"]
    assert second["Try it"].startswith("curl ")


@pytest.mark.usefixtures("db")
def test_the_demo_token_is_not_printed_among_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("prepare_local")
    secret = Token.objects.get().secret

    assert secret is not None
    assert getattr(secret, "reveal")() not in capsys.readouterr().out  # noqa: B009


@pytest.mark.usefixtures("db")
def test_no_administrator_is_created_where_there_is_one(
    li_wei: User, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "password" not in prepare(capsys)["Admin"]
    assert User.objects.get() == li_wei


@pytest.mark.usefixtures("db")
def test_it_refuses_anywhere_but_on_your_own_machine(settings) -> None:
    settings.LOCAL = False
    with pytest.raises(CommandError, match=r"your own machine \(WECHAT_GATEWAY_LOCAL=1\)"):
        call_command("prepare_local")

    assert not User.objects.exists()
    assert not OfficialAccount.objects.exists()


@pytest.mark.process
def test_in_production_it_touches_no_database(tmp_path: Path) -> None:
    refused = Checkout(tmp_path).manage("prepare_local", **PRODUCTION)

    assert "your own machine" in assert_one_sentence(refused)
