"""What browsers are told about our pages. Callbacks have their own policy: see contract/."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}


def policy(client: Client, path: str) -> dict[str, str]:
    header = client.get(path).headers["Content-Security-Policy"]
    return dict(part.strip().split(" ", 1) for part in header.split(";"))


@pytest.mark.parametrize("path", ["/", "/nothing-here", "/admin/", "/admin/login/"])
def test_a_page_runs_and_loads_nothing_but_our_own_files(
    db: None, client: Client, path: str
) -> None:
    assert policy(client, path) == POLICY


def test_the_admin_is_no_exception(client: Client, li_wei: User) -> None:
    client.force_login(li_wei)

    assert policy(client, reverse("admin:index")) == POLICY


def test_what_is_plain_text_keeps_the_stricter_policy(client: Client) -> None:
    header = client.get("/healthz").headers["Content-Security-Policy"]

    assert header == "default-src 'none'; sandbox"
