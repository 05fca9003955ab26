"""The Content-Security-Policy of pages. Callbacks have their own: see callbacks/contract/."""

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
def test_a_page_may_load_files_of_this_site_only(db: None, client: Client, path: str) -> None:
    assert policy(client, path) == POLICY


def test_the_admin_has_the_same_policy(client: Client, li_wei: User) -> None:
    client.force_login(li_wei)

    assert policy(client, reverse("admin:index")) == POLICY


def test_plain_text_has_a_stricter_policy(client: Client) -> None:
    header = client.get("/healthz").headers["Content-Security-Policy"]

    assert header == "default-src 'none'; sandbox"
