from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("path", "body"), [("/healthz", b"ok"), ("/readyz", b"ready")])
@pytest.mark.parametrize("host", ["10.0.0.1:8000", "[::1]", "a.stranger.example", "no host"])
def test_a_probe_by_address_and_without_https_is_answered(
    path: str, body: bytes, host: str, settings: Any
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    answer = Client(headers={"Host": host}).get(path)

    assert (answer.status_code, answer.content) == (200, body)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_changes_nothing_and_gets_no_cookie(path: str) -> None:
    assert Client().post(path).status_code != 200
    assert not Client().get(path).cookies


def test_other_pages_still_refuse_a_foreign_host() -> None:
    assert Client(headers={"Host": "10.0.0.1"}).get("/").status_code == 400
