"""Checks the scorer against published examples, so that it can fail a page."""

from __future__ import annotations

from email import message_from_string

import pytest

from verification.tests.fire.support.mozilla_observatory import MODIFIERS, Page, results, score

#: Headers with the highest score in the published table without browsers' preload list.
PERFECT = """\
Content-Security-Policy: default-src 'none'; frame-ancestors 'none'
Set-Cookie: __Host-sessionid=x; Secure; HttpOnly; SameSite=Lax; Path=/
Referrer-Policy: same-origin
Strict-Transport-Security: max-age=63072000
X-Content-Type-Options: nosniff
Cross-Origin-Resource-Policy: same-origin
"""


def page(headers: str, body: str = "") -> Page:
    url = "https://wx.example.cn/"
    return Page(url, message_from_string(headers), body, redirects=[url])


def test_a_page_without_headers_has_the_published_score() -> None:
    # A published scan of such a site lists -25 (CSP), -20 (HSTS), -5 and -20, and no more.
    assert score(results(page(""))) == 30


def test_a_perfect_page_has_all_bonuses() -> None:
    body = '<script src="/a.js" integrity="sha384-x"></script>'

    assert score(results(page(PERFECT, body))) == 100 + 10 + 5 + 5 + 5 + 5 + 10


@pytest.mark.parametrize(
    ("good", "bad", "points"),
    [
        ("default-src 'none'", "default-src 'self' 'unsafe-inline'", 80),
        ("default-src 'none'", "default-src 'self'; style-src 'unsafe-inline'", 125),
        ("default-src 'none'", "default-src 'self' 'unsafe-eval'", 115),
        ("default-src 'none'", "default-src 'self'; img-src http://cdn.example", 115),
        ("default-src 'none'", "default-src 'self' http://cdn.example", 80),
        ("; frame-ancestors 'none'", "", 80),
        ("Secure; ", "", 120),
        ("HttpOnly; ", "", 70),
        ("SameSite=Lax; ", "", 130),
        ("sessionid=x; Secure; HttpOnly; SameSite=Lax", "csrftoken=x; Secure", 80),
        ("max-age=63072000", "max-age=3600", 125),
        ("max-age=63072000", "forever", 80),
        ("same-origin\nStrict", "unsafe-url\nStrict", 125),
        ("nosniff", "sniff", 130),
        ("Cross-Origin-Resource-Policy: same-origin\n", "", 125),
        ("Cross-Origin-Resource-Policy: same-origin", "Cross-Origin-Resource-Policy: all", 120),
    ],
)
def test_each_flaw_costs_the_published_points(good: str, bad: str, points: int) -> None:
    assert good in PERFECT
    assert (
        score(results(page(PERFECT.replace(good, bad), "<script src='/a.js'></script>"))) == points
    )


def test_sharing_with_credentials_costs_the_published_points() -> None:
    shared = "Access-Control-Allow-Origin: https://elsewhere.example\n"
    allowing = "Access-Control-Allow-Credentials: true\n"

    assert score(results(page(PERFECT + shared + allowing))) == 50
    assert score(results(page(PERFECT + shared))) == 135


@pytest.mark.parametrize(
    ("redirects", "points"),
    [
        ([], 80),
        (["http://wx.example.cn/welcome"], 80),
        (["https://www.example.cn/"], 130),
    ],
)
def test_plain_http_must_redirect_to_https_on_the_same_host(
    redirects: list[str], points: int
) -> None:
    redirected = Page("https://wx.example.cn/", message_from_string(PERFECT), "", redirects)

    assert score(results(redirected)) == points


@pytest.mark.parametrize(
    ("tag", "points"),
    [
        ("<script src='https://cdn.example/a.js' integrity='x'></script>", 140),
        ("<script src='https://cdn.example/a.js'></script>", 130),
        ("<script src='//cdn.example/a.js' integrity='x'></script>", 80),
        ("<script src='http://cdn.example/a.js'></script>", 50),
    ],
)
def test_scripts_of_other_sites_need_https_and_integrity(tag: str, points: int) -> None:
    assert score(results(page(PERFECT, tag))) == points


def test_the_results_are_in_the_table() -> None:
    assert set(results(page(PERFECT))) | set(results(page(""))) <= set(MODIFIERS)
