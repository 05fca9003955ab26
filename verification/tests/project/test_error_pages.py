"""If a view that has a secret fails, neither the error page nor the log line shows the secret."""

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
    """Make a function that the view calls raise an error, while the view has the secret."""
    return mock.patch(name, side_effect=RuntimeError("The roof is on fire."))


@pytest.fixture
def browser(li_wei: User) -> Client:
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
        "verification.accounts.rotation.fingerprint",
        "verification.fields.Secret.of",
        "verification.admin.accounts.secrets.redirect_to_secret",
        "verification.admin.accounts.cards.read_records",
        "django.forms.fields.CharField.clean",
    ],
)
def test_an_error_page_does_not_show_a_submitted_token(
    browser: Client, brand_a: OfficialAccount, where: str
) -> None:
    with failing(where):
        response = rotate(browser, brand_a)

    assert response.status_code == 500
    assert ("The roof is on fire." in response.text) is configured.DEBUG
    assert CANARY not in response.text


@pytest.mark.usefixtures("_debug")
def test_an_error_page_does_not_show_a_revealed_token(
    browser: Client, brand_a: OfficialAccount
) -> None:
    with failing("verification.admin.accounts.cards.read_records"):
        response = press(browser, "reveal_token", brand_a.pk)

    assert response.status_code == 500
    assert "TokenOfBrandA1234" not in response.text


@pytest.mark.usefixtures("_debug")
def test_an_error_page_does_not_show_a_password(db: None) -> None:
    client = Client(raise_request_exception=False)
    with failing("django.contrib.auth.forms.authenticate"):
        response = client.post("/admin/login/", {"username": "li.wei", "password": CANARY})

    assert response.status_code == 500
    assert CANARY not in response.text


@pytest.mark.usefixtures("_debug")
def test_the_log_line_of_an_error_names_the_place_and_no_values(
    browser: Client, brand_a: OfficialAccount, caplog: pytest.LogCaptureFixture
) -> None:
    with failing("verification.accounts.rotation.fingerprint"), caplog.at_level(logging.ERROR):
        rotate(browser, brand_a)
    formatters: Any = configured.LOGGING["formatters"]
    arguments = dict(formatters["json"])
    formatter = import_string(arguments.pop("()"))(**arguments)
    lines = "\n".join(formatter.format(record) for record in caplog.records)

    assert "The roof is on fire." in lines
    assert "rotate_token" in lines
    assert CANARY not in lines
