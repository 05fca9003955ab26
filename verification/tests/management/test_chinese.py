"""With LANGUAGE_CODE=zh-hans, commands are Chinese: their help, output and errors."""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command, get_commands
from django.test import Client
from django.utils.translation import override

from verification.audit_log.verifier import verify_audit
from verification.management.columns import columns_of, wrap
from verification.models import OfficialAccount
from verification.tests.support.adapter import A, B
from verification.tests.support.checkout import Checkout
from verification.tests.support.signer import push, verification
from verification.tests.support.tampering import drop_trigger
from wechat_gateway.env import use_catalogue

#: Django's own, extended: Django has no translation of their help.
DJANGOS = {"changepassword", "createsuperuser"}
COMMANDS = sorted({name for name, app in get_commands().items() if app == "verification"} - DJANGOS)
#: What stays as it is in Chinese: options, paths, commands, modules, variables, {choices}.
NAMES = re.compile(
    r"--?[a-z][\w-]*|[\w:.]*/[\w./]+|\b\w+(?:[._]\w+)+\b|\b[A-Z]+(?:[_:-][A-Z\d]+)*\b|\{[\w,-]+\}"
)
#: Arguments and values, one-word commands, and words that a Chinese operator uses as well.
TERMS = {
    *("slug", "id", "file", "user", "sealed", "jsonl", "watch", "Token", "AppID", "echostr"),
    *("ID", "SuiteID", "EncodingAESKey", "Webhook", "keep", "resend", "worker", "success"),
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

    assert re.search("[一-鿿]", text)
    assert english_words(text) == set()


def english_words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z]{2,}", NAMES.sub(" ", text))) - TERMS


@pytest.mark.usefixtures("chinese")
def test_an_explanation_is_chinese_as_a_whole(
    client: Client,
    brand_a: OfficialAccount,
    brand_b: OfficialAccount,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client.get(f"/wechat/brand-a?{verification(B)}")
    with override("zh-hans"):  # the client has switched to English
        call_command("explain_attempt")
    text = capsys.readouterr().out

    assert "情况说明：该请求用的是“Brand-B”的令牌" in text
    assert english_words(text) - {"Brand", "User", "Agent", "Mozilla"} == set()


@pytest.mark.usefixtures("chinese")
def test_the_totals_are_in_columns_of_equal_width(
    client: Client, brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    client.get(f"/wechat/brand-a?{verification(A)}")
    client.post(f"/wechat/brand-a?{push(A)}")
    with override("zh-hans"):
        call_command("audit_totals")
    *rows, total = capsys.readouterr().out.splitlines()

    assert [row.split() for row in rows] == [
        ["1", "通过", "URL", "验证", "brand-a"],
        ["1", "通过", "消息推送", "brand-a"],
    ]
    assert len({columns_of(row) for row in rows}) == 1
    assert total.split() == ["2", "响应总数"]


@pytest.mark.usefixtures("chinese")
def test_a_missing_trigger_is_reported_in_chinese_except_to_monitors(
    db: None, client: Client, settings: Any
) -> None:
    settings.LANGUAGE_CODE = "zh-hans"
    drop_trigger()
    for_monitors = client.get("/readyz").text
    output = StringIO()
    with override("zh-hans"):
        problems = verify_audit().problems
        call_command("migrate", stdout=output)

    assert "The trigger seal_refuses_update of verification_seal is missing." in for_monitors
    assert problems == ["缺少触发器“seal_refuses_update”（verification_seal）。"]
    assert "已重新安装缺少或被改动的触发器：seal_refuses_update。" in output.getvalue()


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
