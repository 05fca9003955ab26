"""What the Chinese pages say, and that nothing was forgotten."""

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


def written(po: Path) -> Messages:
    """The messages of a .po file, without its header; a plural is keyed as in a .mo file."""
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


def compiled(mo: Path) -> Messages:
    with mo.open("rb") as file:
        messages: Messages = vars(GNUTranslations(file))["_catalog"]
    return {key: text for key, text in messages.items() if key}


def messages_of(catalogue: Messages) -> set[str]:
    """English has two forms, Chinese one; a message counts once."""
    return {key if isinstance(key, str) else key[0] for key in catalogue}


def test_nothing_is_left_untranslated_or_in_doubt() -> None:
    messages = written(CATALOGUE)

    assert len(messages) > 100
    assert [message for message, text in messages.items() if not text] == []
    assert re.findall(r"^#.*fuzzy.*|^#~.*", CATALOGUE.read_text(), re.MULTILINE) == []


def test_wechats_words_are_kept_apart() -> None:
    """认证 is WeChat's paid certification, 启用 and 停用 the switch in its own console."""
    messages = written(CATALOGUE)

    for message, text in messages.items():
        assert "认证" not in text, message
        if "启用" in text or "停用" in text:
            assert "启用" in str(message) or "停用" in str(message), message


def test_the_compiled_catalogue_is_up_to_date() -> None:
    """Heroku does not compile, so the .mo file is committed."""
    assert compiled(CATALOGUE.with_suffix(".mo")) == written(CATALOGUE)


@pytest.mark.skipif(not shutil.which("xgettext"), reason="needs gettext")
def test_every_message_of_the_sources_is_in_the_catalogue_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """makemessages, run on a copy, finds what we have."""
    ignored = shutil.ignore_patterns("locale", "tests", "static", "__pycache__")
    for name in ("templates", "verification", "wechat_gateway"):
        shutil.copytree(settings.BASE_DIR / name, tmp_path / name, ignore=ignored)
    settings.LOCALE_PATHS = [str(tmp_path / "locale")]
    monkeypatch.chdir(tmp_path)
    call_command("makemessages", locale=["zh_Hans"], verbosity=0)
    found = written(tmp_path / "locale/zh_Hans/LC_MESSAGES/django.po")

    assert messages_of(found) == messages_of(written(CATALOGUE))


def test_the_words_are_the_ones_people_see() -> None:
    """Our catalogue comes before Django's own, where both have the same message."""
    with override("zh-hans"):
        assert gettext("verification attempts") == "验证记录"
        assert gettext("Server URL") == "服务器地址(URL)"
        assert gettext("Pause the selected accounts") == "暂停所选公众号"
        assert gettext("Log out") == "退出登录"
        paused = gettext("Paused %(count)d accounts.")
        assert paused % {"count": 2} == "已暂停 2 个公众号。"


@pytest.mark.parametrize(
    ("language", "words"),
    [("zh-CN,zh;q=0.9,en;q=0.8", "微信网关"), ("en-GB,en;q=0.9", "WeChat gateway")],
)
def test_the_admin_speaks_the_language_of_the_browser(db: Any, language: str, words: str) -> None:
    response = Client().get("/admin/login/", headers={"Accept-Language": language})

    assert words in response.text
