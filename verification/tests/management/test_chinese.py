"""With LANGUAGE_CODE=zh-hans, commands are Chinese: their help, and argparse's errors."""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command, get_commands
from django.utils.translation import override

from verification.management.columns import columns_of, wrap
from verification.tests.support.checkout import Checkout
from wechat_gateway.catalogue import use_catalogue

COMMANDS = sorted(name for name, app in get_commands().items() if app == "verification")
#: What stays as it is in Chinese: options, paths, commands, modules, variables, {choices}.
NAMES = re.compile(
    r"--?[a-z][\w-]*|[\w:.]*/[\w./]+|\b\w+(?:[._]\w+)+\b|\b[A-Z]+(?:[_:-][A-Z\d]+)*\b|\{[\w,]+\}"
)
#: Arguments and values, one-word commands, and words that a Chinese operator uses as well.
TERMS = {
    *("slug", "id", "file", "user", "sealed", "jsonl", "watch", "Token", "AppID", "echostr"),
    *("CommandError", "Python", "PostgreSQL", "SQLite", "PgBouncer", "gzip", "shell"),
}


@pytest.fixture
def chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set LANGUAGE_CODE as manage.py would find it."""
    monkeypatch.setenv("LANGUAGE", "en")  # so that it is put back afterwards
    monkeypatch.setenv("LANGUAGE_CODE", "zh-hans")
    domain = gettext.textdomain()
    use_catalogue()
    with override("zh-hans"):
        yield
    gettext.textdomain(domain)


@pytest.mark.usefixtures("chinese")
@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_every_command_is_chinese(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        call_command(command, "--help")
    text = capsys.readouterr().out
    words = set(re.findall(r"[A-Za-z]{2,}", NAMES.sub(" ", text)))

    assert re.search("[一-鿿]", text)
    assert words - TERMS == set()


@pytest.mark.process
def test_a_wrong_command_line_is_reported_in_chinese(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    chinese = {"LANGUAGE_CODE": "zh-hans", "LANG": "C.UTF-8"}
    without_file = checkout.manage_test_database("verify_export", **chinese)
    no_file = checkout.manage_test_database("verify_export", "nowhere.jsonl", **chinese)

    assert without_file.stderr.startswith("用法：manage.py verify_export ")
    assert without_file.stderr.endswith("\nmanage.py verify_export：错误：缺少参数：file\n")
    assert without_file.returncode == 2
    assert no_file.stderr.startswith("错误：")
    assert no_file.returncode == 1


@pytest.mark.process
def test_the_language_of_the_terminal_does_not_matter(tmp_path: Path) -> None:
    result = Checkout(tmp_path).manage_test_database(
        "verify_export", LANGUAGE="zh_Hans", LANG="zh_CN.UTF-8"
    )

    assert result.stderr.startswith("usage: ")


def test_a_chinese_line_is_as_wide_as_the_terminal_and_begins_with_no_punctuation() -> None:
    text = "检查记录链，可用 --head SEAL:DIGEST 指定“保存过的链头”。有问题时，退出码为 1。" * 3
    for columns in range(20, 60):
        lines = wrap(text, columns)

        assert max(map(columns_of, lines)) <= columns
        assert [line for line in lines if line[0] in " ，。、；：”"] == []
        assert "".join(lines).replace(" ", "") == text.replace(" ", "")


def test_a_word_that_is_wider_than_the_terminal_has_its_own_line() -> None:
    assert wrap("see https://wx.example.cn/ for more", 10) == [
        "see",
        "https://wx.example.cn/",
        "for more",
    ]
