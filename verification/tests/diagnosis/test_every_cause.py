"""A request proves every cause and every remark, sent as WeChat sends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from verification.diagnosis import CAUSES, REMARKS, Explanation, explain, remark_on
from verification.models import OfficialAccount
from verification.tests.support import (
    requests_by_cause,
    requests_by_remark,
    requests_by_wecom_cause,
)
from verification.tests.support.adapter import A, B, last_attempt
from verification.tests.support.gunicorn import Gunicorn
from verification.tests.support.messages import AES_KEY, OTHER_AES_KEY
from verification.tests.support.requests_by_cause import Send
from verification.tests.support.signer import verification
from verification.tests.support.wecom import ECHOSTR

NAMES = [cause.__name__ for cause in CAUSES]
REMARK_NAMES = [remark.__name__ for remark in REMARKS]
#: These requests patch the process that answers, so they cannot go to another one.
NOT_OVER_THE_WIRE = {"slow_answer"}
SECRETS = (A, B, requests_by_cause.NEW, requests_by_wecom_cause.W, AES_KEY, OTHER_AES_KEY, ECHOSTR)


@pytest.fixture
def send(brand_a: OfficialAccount, brand_b: OfficialAccount) -> Send:
    """Send a request through the callback."""

    def send_it(
        target: str,
        method: str = "GET",
        user_agent: str = "Mozilla/4.0",
        host: str = "wx.example.cn",
        scheme: str = "https",
        body: bytes = b"",
    ) -> None:
        headers = {"Host": host, "User-Agent": user_agent}
        secure = scheme == "https"
        Client().generic(method, target, body, "text/xml", headers=headers, secure=secure)

    return send_it


@pytest.fixture
def send_to_gunicorn(
    gunicorn: Gunicorn, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> Send:
    """Send a request to gunicorn over a socket, without TLS."""

    def send_it(
        target: str,
        method: str = "GET",
        user_agent: str = "Mozilla/4.0",
        host: str = "wx.example.cn",
        scheme: str = "http",
        body: bytes = b"",
    ) -> None:
        lines = [f"{method} {target} HTTP/1.0", f"Host: {host}", f"User-Agent: {user_agent}"]
        if body:
            lines += ["Content-Type: text/xml", f"Content-Length: {len(body)}"]
        gunicorn.send("\r\n".join([*lines, "", ""]).encode() + body)

    return send_it


@pytest.mark.parametrize("name", NAMES)
def test_the_cause_is_named(send: Send, name: str) -> None:
    words = request_of(name)(send)
    explanation = explain(last_attempt())

    assert explanation.cause == name
    assert words in explanation.what_happened
    assert explanation.summary
    assert explanation.what_to_do.endswith(".")


@pytest.mark.parametrize("name", NAMES)
def test_the_cause_of_what_gunicorn_recorded_is_named(send_to_gunicorn: Send, name: str) -> None:
    words = request_of(name)(send_to_gunicorn)

    assert words in explain(last_attempt()).what_happened


@pytest.mark.parametrize("name", REMARK_NAMES)
def test_the_remark_is_made(send: Send, settings: Any, name: str) -> None:
    settings.PUBLIC_URL = "https://wx.example.cn"
    words = getattr(requests_by_remark, name)(send)

    assert words in remarks()[name]


@pytest.mark.parametrize("name", sorted(set(REMARK_NAMES) - NOT_OVER_THE_WIRE))
def test_the_remark_is_made_on_what_gunicorn_recorded(
    send_to_gunicorn: Send, settings: Any, name: str
) -> None:
    settings.PUBLIC_URL = "https://wx.example.cn"
    words = getattr(requests_by_remark, name)(send_to_gunicorn)

    assert words in remarks()[name]


@pytest.mark.parametrize("name", NAMES)
def test_no_explanation_holds_a_secret(send: Send, name: str) -> None:
    request_of(name)(send)

    for language in ("en", "zh-hans"):
        with translation.override(language):
            assert secrets_in(explain(last_attempt())) == []


def test_a_normal_request_of_wechats_needs_no_remark(send: Send, settings: Any) -> None:
    settings.PUBLIC_URL = "https://wx.example.cn"
    send(f"/wechat/brand-a?{verification(B, timestamp=requests_by_remark.now())}")

    assert remarks() == {}


def request_of(cause: str) -> Callable[[Send], str]:
    """Return the function that sends a request with this cause."""
    in_module = requests_by_cause if hasattr(requests_by_cause, cause) else requests_by_wecom_cause
    function: Callable[[Send], str] = getattr(in_module, cause)
    return function


def remarks() -> dict[str, str]:
    return {remark.name: remark.text for remark in remark_on(last_attempt())}


def secrets_in(explanation: Explanation) -> list[str]:
    text = f"{explanation.summary} {explanation.full_text}".lower()
    return [secret for secret in SECRETS if secret.lower() in text]
