"""The documents keep their word: each quoted command is run, each link and variable exists."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import get_commands

from verification.tests.support.documents import (
    ROOT,
    broken_links_of,
    commands_of,
    documents,
    prose_of,
    read,
)
from verification.tests.support.gunicorn import free_port
from wechat_gateway import env

README, CHINESE_README = "README.md", "README.zh-CN.md"
DEPLOY, CONFIGURATION, OPERATE = "docs/deploy.md", "docs/configuration.md", "docs/operate.md"
#: Their commands run in script/server's copy, in this order.
IN_THE_DEMO = [README, "docs/connect.md", OPERATE, "docs/alerts.md", CONFIGURATION]
#: test_own_server.py and test_containers.py run the commands of DEPLOY.
FOR_USERS = [*IN_THE_DEMO, DEPLOY, "docs/backend.md", "docs/recording.md"]

#: Commands that the tests below do not call as the document writes them, and the reason.
NOT_CALLED = {
    "script/server": "the fixture `demo` starts it",
    "script/test": "it runs this test; .ci/run calls it",
    "script/test --quick": "it is script/test with fewer tests",
    "python manage.py rotate_encryption_keys": "on SQLite it needs --yes",
    "heroku run 'python manage.py export_attempts --format sealed 2>/dev/null | base64'"
    " > log.base64": "it needs an app on Heroku",
    "base64 --decode --ignore-garbage log.base64 > log.jsonl": "it reads the file of heroku run",
    "python manage.py set_aes_key brand-b --app-id wx0123456789abcdef"
    " --key -": "it reads 43 characters, and the input below is a token",
    "python manage.py send_push brand-b --encrypted --text hello": "it needs an EncodingAESKey",
    "python manage.py set_backend brand-b https://crm.example.cn/wechat"
    " --on-failure keep": "messages are kept on PostgreSQL only",
    ".venv/bin/python manage.py changepassword admin": "it asks for the password at a terminal",
}


def called_commands(document: str) -> list[str]:
    return [command for command in commands_of(document) if command not in NOT_CALLED]


class Demo:
    """script/server running in a copy of the project, as a newcomer starts it."""

    def __init__(self, place: Path, port: int) -> None:
        self.place, self.port, self.output = place, port, place / "output"
        unset = {
            *("WECHAT_GATEWAY_LOCAL", "SECRET_KEY", "TOKEN_ENCRYPTION_KEYS", "DATABASE_URL"),
            "DJANGO_SETTINGS_MODULE",
        }
        clean = {name: value for name, value in os.environ.items() if name not in unset}
        self.environment = {**clean, "PORT": str(port), "VENV": sys.prefix}

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        here = re.sub(r"^(\.venv/bin/)?python ", f"{sys.executable} ", command)
        here = here.replace(":8000", f":{self.port}")
        return subprocess.run(
            here,
            shell=True,
            cwd=self.place,
            env=self.environment,
            input="TheTokenWeChatHas16\n",  # for --token -
            capture_output=True,
            text=True,
        )

    def wait_until_it_serves(self, server: subprocess.Popen[bytes]) -> None:
        for _ in range(600):
            if "Booting worker" in self.output.read_text() or server.poll() is not None:
                break
            time.sleep(0.1)
        assert server.poll() is None, self.output.read_text()


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    place = tmp_path_factory.mktemp("a newcomers") / "copy"
    kept = shutil.ignore_patterns(
        ".git", ".venv*", ".env", "db.sqlite3*", "staticfiles", ".*_cache", "__pycache__"
    )
    shutil.copytree(ROOT, place, ignore=kept)
    demo = Demo(place, free_port())
    with demo.output.open("wb") as output:
        server = subprocess.Popen(
            ["script/server"], cwd=place, env=demo.environment, stdout=output, stderr=output
        )
        demo.wait_until_it_serves(server)
        yield demo
        server.send_signal(signal.SIGTERM)
        assert server.wait(timeout=30) == 0


def test_the_printed_curl_gets_the_echostr(demo: Demo) -> None:
    said = demo.output.read_text()
    curl = re.search(r"curl '.*'", said)
    echostr = re.search(r"echostr=(\d+)", said)

    assert curl
    assert echostr
    assert demo.run(curl[0]).stdout == echostr[1]


def test_the_printed_administrator_can_sign_in(demo: Demo) -> None:
    password = re.search(r"as admin, password (\w+)", demo.output.read_text())
    assert password
    check = (
        "from django.contrib.auth import authenticate; from django.http import HttpRequest; "
        f"print(authenticate(HttpRequest(), username='admin', password='{password[1]}'))"
    )

    assert demo.run(f'.venv/bin/python manage.py shell -v0 -c "{check}"').stdout.strip() == "admin"


def test_every_command_of_the_documents_works_in_the_order_in_which_they_are_read(
    demo: Demo,
) -> None:
    commands = [command for document in IN_THE_DEMO for command in called_commands(document)]
    assert commands
    for command in commands:
        result = demo.run(command)
        assert result.returncode == 0, f"{command}\n{result.stderr}"


def test_secrets_of_the_copy_are_its_owners_alone(demo: Demo) -> None:
    assert (demo.place / ".env").stat().st_mode & 0o077 == 0


def test_no_document_for_users_has_a_command_that_is_neither_called_nor_excused() -> None:
    in_the_documents = {
        command for document in FOR_USERS if document != DEPLOY for command in commands_of(document)
    }
    not_called = in_the_documents - {
        command for document in IN_THE_DEMO for command in called_commands(document)
    }

    assert not_called == set(NOT_CALLED)


def test_the_rest_is_run_by_ci() -> None:
    assert "script/test" in read(".ci/run")


def test_the_chinese_readme_quotes_only_commands_of_the_english_documents() -> None:
    in_english = {command for document in FOR_USERS for command in commands_of(document)}

    assert set(commands_of(CHINESE_README)) <= in_english


def test_the_chinese_readme_has_at_most_2500_chinese_characters() -> None:
    assert 1500 <= len(re.findall(r"[一-鿿]", read(CHINESE_README))) <= 2500


def test_the_chinese_readme_says_verification_as_the_admin_does() -> None:
    """认证 is WeChat's paid certification."""
    assert "认证" not in read(CHINESE_README)


def test_relative_links_lead_to_a_file_and_a_heading() -> None:
    broken = {document: list(broken_links_of(document)) for document in documents()}

    assert {document: links for document, links in broken.items() if links} == {}


def test_the_readme_has_at_most_900_words() -> None:
    assert len(read(README).split()) <= 900


@pytest.mark.parametrize("document", FOR_USERS)
def test_lines_have_at_most_100_characters(document: str) -> None:
    lines = [line for line in prose_of(document).splitlines() if not line.startswith("![")]

    assert [line for line in lines if len(line) > 100] == []


def our_commands() -> set[str]:
    return {name for name, app in get_commands().items() if app == "verification"}


def test_every_command_that_a_document_names_exists() -> None:
    named = {
        name
        for document in documents()
        for name in re.findall(r"manage\.py ([a-z_]+)", read(document))
    }

    assert named - get_commands().keys() == set()


def test_operate_md_lists_every_command() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", read(OPERATE), re.MULTILINE))

    assert listed == our_commands() - {"prepare_local"}  # script/server calls it


def test_configuration_md_lists_every_variable_that_the_code_reads_and_no_other() -> None:
    sources = [*ROOT.glob("wechat_gateway/**/*.py"), *ROOT.glob("verification/management/**/*.py")]
    reads = re.compile(
        r'(?:env\.(?:text|comma_separated|flag|integer|choice)|environ\.get|addresses)\(\s*"([A-Z_]+)"'
    )
    read_by_code = {name for path in sources for name in reads.findall(path.read_text())}
    listed = re.findall(r"^- `([A-Z_]+)`", read(CONFIGURATION), re.MULTILINE)

    assert len(read_by_code) > 20
    assert sorted(listed) == sorted({*read_by_code, *env.REQUIRED, env.LOCAL_SWITCH})
