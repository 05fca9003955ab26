"""The pages that everyone may see: the landing page and the error pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client

CHINESE = {"Accept-Language": "zh-CN"}


@pytest.fixture
def _named(settings: Any) -> None:
    settings.ORGANISATION, settings.CONTACT = "Li & Wei 零售", "wechat@example.cn"


@pytest.mark.usefixtures("db", "_named")
@pytest.mark.parametrize("path", ["/", "/no-such-page", "/admin/login/"])
def test_each_page_says_whose_server_this_is(path: str) -> None:
    text = Client().get(path).text

    assert "Li &amp; Wei 零售" in text
    assert "WeChat gateway" in text


@pytest.mark.usefixtures("_named")
@pytest.mark.parametrize(
    ("contact", "link"),
    [
        ("wechat@example.cn", "mailto:wechat@example.cn"),
        ("a%b&c?subject=x@example.cn", "mailto:a%25b%26c%3Fsubject%3Dx@example.cn"),
        ("https://help.example.cn/?a=1&b=2", "https://help.example.cn/?a=1&amp;b=2"),
    ],
)
@pytest.mark.parametrize("path", ["/", "/no-such-page"])
def test_a_page_links_to_the_contact(settings: Any, path: str, contact: str, link: str) -> None:
    settings.CONTACT = contact

    assert f'<footer>Contact: <a href="{link}">' in Client().get(path).text


def test_without_a_name_and_a_contact_nothing_is_said_of_them() -> None:
    text = Client().get("/").text

    assert 'class="organisation"' not in text
    assert "<footer>" not in text
    assert "mailto:" not in text


def test_the_flow_chart_speaks_the_language_of_the_page() -> None:
    english, chinese = Client().get("/").text, Client().get("/", headers=CHINESE).text

    assert ">no</text>" in chart(english)
    assert ">否</text>" not in chart(english)
    assert ">否</text>" in chart(chinese)
    assert ">no</text>" not in chart(chinese)


def chart(text: str) -> str:
    [found] = re.findall(r"</desc>(.*?)</svg>", text, re.DOTALL)
    return str(found)


def test_the_page_of_an_error_names_no_host_that_may_not_be_ours() -> None:
    text = render_to_string("500.html")

    assert "Heroku" not in text
    assert text.count("/readyz") == 4
    assert "服务器未能完成此操作。" in text
