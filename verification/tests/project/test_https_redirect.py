"""Behind a proxy, a redirect to https that would lead to itself says why instead."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client


@pytest.fixture(autouse=True)
def _production(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.TRUSTED_PROXY_COUNT = 1


@pytest.mark.parametrize("path", ["/", "/admin/", "/admin/login/?next=/admin/"])
@pytest.mark.parametrize("headers", [{}, {"x-forwarded-proto": "https"}])
def test_without_a_trusted_proxy_the_page_names_the_variable(
    client: Client, settings: Any, path: str, headers: dict[str, str]
) -> None:
    settings.TRUSTED_PROXY_COUNT = 0
    settings.SECURE_PROXY_SSL_HEADER = None
    response = client.get(path, headers=headers)

    assert response.status_code == 503
    assert "<code>TRUSTED_PROXY_COUNT</code> is 0" in response.text
    assert "no-store" in response.headers["Cache-Control"]
    assert "Content-Security-Policy" in response.headers


def test_a_proxy_that_sends_no_header_is_told_so(client: Client) -> None:
    response = client.get("/admin/")

    assert response.status_code == 503
    assert "no header <code>X-Forwarded-Proto</code>" in response.text


def test_a_proxy_that_sends_the_wrong_header_is_found_at_the_second_request(
    client: Client,
) -> None:
    first = client.get("/admin/?q=1", headers={"x-forwarded-proto": "http"})
    second = client.get("/admin/?q=1", headers={"x-forwarded-proto": "http"})

    assert (first.status_code, first.headers["Location"]) == (301, "https://testserver/admin/?q=1")
    assert "no-store" in first.headers["Cache-Control"]
    assert second.status_code == 503
    assert "still does not say" in second.text


def test_a_browser_that_really_used_http_is_redirected_and_then_served(
    db: None, client: Client
) -> None:
    assert client.get("/", headers={"x-forwarded-proto": "http"}).status_code == 301
    assert client.get("/", headers={"x-forwarded-proto": "https"}).status_code == 200


def test_a_redirect_that_led_to_https_is_forgotten(db: None, client: Client) -> None:
    for _ in range(2):  # as when a browser without HSTS restores several tabs
        assert client.get("/", headers={"x-forwarded-proto": "http"}).status_code == 301
        assert client.get("/", headers={"x-forwarded-proto": "https"}).status_code == 200


def test_the_page_is_chinese_for_a_chinese_browser_and_has_its_style_sheet(
    db: None, client: Client
) -> None:
    response = client.get("/", headers={"accept-language": "zh-CN"})

    assert response.status_code == 503
    assert "无法判断" in response.text
    style_sheet = client.get("/static/verification/site.css")
    style_sheet.close()
    assert style_sheet.status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_checks_are_answered_over_http(db: None, client: Client, path: str) -> None:
    assert client.get(path).status_code == 200


def test_a_redirect_from_a_view_is_left_alone(db: None, client: Client) -> None:
    response = client.get("/admin/", headers={"x-forwarded-proto": "https"})

    assert response.status_code == 302
    assert "https_redirect" not in response.cookies
