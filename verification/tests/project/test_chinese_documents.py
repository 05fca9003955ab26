"""A Chinese document keeps step with the English one: its headings, anchors and commands."""

from __future__ import annotations

import re

import pytest

from verification.tests.support.documents import anchor, commands_of, prose_of, read

PAIRS = {
    "docs/RUNBOOK.md": "docs/RUNBOOK.zh-CN.md",
    "docs/deploy.md": "docs/deploy.zh-CN.md",
}
ENGLISH = re.compile(r"^(##+) (.+)$", re.MULTILINE)
CHINESE = re.compile(r'^<a id="([a-z0-9-]+)"></a>\n\n(##+) .*[一-鿿]', re.MULTILINE)
#: Commands of Heroku stand in the English documents only, and those of systemd in the Chinese ones.
HOSTS = ("heroku ", "sudo journalctl ", "sudo systemctl restart ")


def commands_for_every_host(document: str) -> list[str]:
    return [command for command in commands_of(document) if not command.startswith(HOSTS)]


@pytest.mark.parametrize(("english", "chinese"), PAIRS.items())
def test_both_have_the_same_headings_with_the_same_anchors(english: str, chinese: str) -> None:
    in_english = [(anchor(text), level) for level, text in ENGLISH.findall(prose_of(english))]

    assert CHINESE.findall(prose_of(chinese)) == in_english
    assert len(ENGLISH.findall(prose_of(chinese))) == len(in_english)


@pytest.mark.parametrize(("english", "chinese"), PAIRS.items())
def test_both_have_the_same_commands_in_the_same_order(english: str, chinese: str) -> None:
    assert commands_for_every_host(chinese) == commands_for_every_host(english)


@pytest.mark.parametrize(("english", "chinese"), PAIRS.items())
def test_they_link_to_each_other(english: str, chinese: str) -> None:
    assert f"]({chinese.removeprefix('docs/')})" in read(english)
    assert f"]({english.removeprefix('docs/')})" in read(chinese)


@pytest.mark.parametrize("chinese", PAIRS.values())
def test_verification_is_not_called_what_wechat_calls_its_paid_certification(chinese: str) -> None:
    assert "认证" not in read(chinese)
