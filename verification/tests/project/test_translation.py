"""The Chinese translation is complete, up to date, and uses WeChat's terms."""

from __future__ import annotations

import re
import shutil
from ast import literal_eval
from gettext import GNUTranslations
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils.translation import gettext, override

CATALOGUE = Path(__file__).parents[2] / "locale/zh_Hans/LC_MESSAGES/django.po"

Messages = dict[str | tuple[str, int], str]
FIELD = re.compile(r'^(msg\w+)(?:\[(\d)\])? (".*"(?:\n".*")*)', re.MULTILINE)


def read_po(po: Path) -> Messages:
    """Return the messages of a .po file without its header, with the keys of a .mo file."""
    messages: Messages = {}
    for entry in po.read_text().strip().split("\n\n")[1:]:
        fields = {(name, number): unquote(text) for name, number, text in FIELD.findall(entry)}
        message = fields["msgid", ""]
        for (name, number), text in fields.items():
            if name == "msgstr":
                messages[(message, int(number)) if number else message] = text
    return messages


def unquote(text: str) -> str:
    return "".join(literal_eval(line) for line in text.splitlines())


def read_mo(mo: Path) -> Messages:
    with mo.open("rb") as file:
        messages: Messages = vars(GNUTranslations(file))["_catalog"]
    return {key: text for key, text in messages.items() if key}


def messages_of(catalogue: Messages) -> set[str]:
    """Return the messages, those with a plural once: English has two forms, Chinese one."""
    return {key if isinstance(key, str) else key[0] for key in catalogue}


def test_no_message_is_untranslated_or_fuzzy() -> None:
    messages = read_po(CATALOGUE)

    assert len(messages) > 100
    assert [message for message, text in messages.items() if not text] == []
    assert re.findall(r"^#.*fuzzy.*|^#~.*", CATALOGUE.read_text(), re.MULTILINE) == []


def test_wechats_terms_are_used_in_wechats_sense_only() -> None:
    """认证 is WeChat's paid certification; 启用 and 停用 are the switch in its console."""
    messages = read_po(CATALOGUE)

    for message, text in messages.items():
        assert "认证" not in text, message
        if "启用" in text or "停用" in text:
            assert "启用" in str(message) or "停用" in str(message), message


def test_the_compiled_catalogue_is_up_to_date() -> None:
    """Heroku does not compile, so the .mo file is committed."""
    assert read_mo(CATALOGUE.with_suffix(".mo")) == read_po(CATALOGUE)


@pytest.mark.skipif(not shutil.which("xgettext"), reason="needs gettext")
def test_every_message_of_the_sources_is_in_the_catalogue_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """makemessages, run on a copy, finds the same messages."""
    ignored = shutil.ignore_patterns("locale", "tests", "static", "__pycache__")
    for name in ("templates", "verification", "wechat_gateway"):
        shutil.copytree(settings.BASE_DIR / name, tmp_path / name, ignore=ignored)
    settings.LOCALE_PATHS = [str(tmp_path / "locale")]
    monkeypatch.chdir(tmp_path)
    call_command("makemessages", locale=["zh_Hans"], verbosity=0)
    extracted = read_po(tmp_path / "locale/zh_Hans/LC_MESSAGES/django.po")

    assert messages_of(extracted) == messages_of(read_po(CATALOGUE))


def test_the_projects_translations_take_precedence_over_djangos() -> None:
    with override("zh-hans"):
        assert gettext("verification attempts") == "验证记录"
        assert gettext("Server URL") == "服务器地址(URL)"
        assert gettext("Pause the selected accounts") == "暂停所选账号"
        assert gettext("Log out") == "退出登录"
        paused = gettext("Paused %(count)d accounts.")
        assert paused % {"count": 2} == "已暂停 2 个账号。"


@pytest.mark.parametrize(
    ("language", "words"),
    [("zh-CN,zh;q=0.9,en;q=0.8", "微信网关"), ("en-GB,en;q=0.9", "WeChat gateway")],
)
def test_the_admin_speaks_the_language_of_the_browser(db: Any, language: str, words: str) -> None:
    response = Client().get("/admin/login/", headers={"Accept-Language": language})

    assert words in response.text
