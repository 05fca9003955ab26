"""An error in a view that was given a secret: neither its page nor its log line may hold it."""

from __future__ import annotations

import logging
from typing import Any
from unittest import mock

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.test import Client
from django.utils.module_loading import import_string

from verification.models import OfficialAccount
from verification.tests.support.admin_client import press

CANARY = "CanaryInTheCoalMine2026"


def failing(name: str) -> Any:
    """A view's work, failing where the secret is at hand."""
    return mock.patch(name, side_effect=RuntimeError("The roof is on fire."))


@pytest.fixture
def at_work(li_wei: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(li_wei)
    return client


@pytest.fixture(params=[True, False], ids=["DEBUG on", "DEBUG off"])
def _debug(request: pytest.FixtureRequest, settings: Any) -> None:
    settings.DEBUG = request.param


def rotate(client: Client, account: OfficialAccount) -> Any:
    form = {"token_source": "enter", "token": CANARY, "replaces": account.tokens.get().pk}
    return press(client, "rotate_token", account.pk, **form)


@pytest.mark.usefixtures("_debug")
@pytest.mark.parametrize(
    "where",
    [
        "verification.accounts.tokens.fingerprint",
        "verification.fields.Secret.of",
        "verification.admin.accounts.tokens.show",
        "django.forms.fields.CharField.clean",
    ],
)
def test_a_typed_token_is_not_on_the_page_of_an_error(
    at_work: Client, brand_a: OfficialAccount, where: str
) -> None:
    with failing(where):
        response = rotate(at_work, brand_a)

    assert response.status_code == 500
    assert ("The roof is on fire." in response.text) is configured.DEBUG
    assert CANARY not in response.text


@pytest.mark.usefixtures("_debug")
def test_neither_is_one_that_was_asked_for(at_work: Client, brand_a: OfficialAccount) -> None:
    with failing("verification.admin.accounts.tokens.render_page"):
        response = press(at_work, "reveal_token", brand_a.pk)

    assert response.status_code == 500
    assert "TokenOfBrandA1234" not in response.text


@pytest.mark.usefixtures("_debug")
def test_neither_is_a_password(db: None) -> None:
    client = Client(raise_request_exception=False)
    with failing("django.contrib.auth.forms.authenticate"):
        response = client.post("/admin/login/", {"username": "li.wei", "password": CANARY})

    assert response.status_code == 500
    assert CANARY not in response.text


@pytest.mark.usefixtures("_debug")
def test_the_log_line_of_an_error_says_where_and_no_values(
    at_work: Client, brand_a: OfficialAccount, caplog: pytest.LogCaptureFixture
) -> None:
    with failing("verification.accounts.tokens.fingerprint"), caplog.at_level(logging.ERROR):
        rotate(at_work, brand_a)
    formatters: Any = configured.LOGGING["formatters"]
    how = dict(formatters["json"])
    formatter = import_string(how.pop("()"))(**how)
    lines = "\n".join(formatter.format(record) for record in caplog.records)

    assert "The roof is on fire." in lines
    assert "rotate_token" in lines
    assert CANARY not in lines
