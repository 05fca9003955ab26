"""The README keeps its word: every command in it is run, here or by CI."""

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
from django.conf import settings

from verification.tests.support.gunicorn import free_port

ROOT = Path(settings.BASE_DIR)
README = (ROOT / "README.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]
OURS = [command for command in COMMANDS if command.startswith((".venv/bin/python", "curl "))]


class Demo:
    """script/server running in a copy of the project, as a newcomer starts it."""

    def __init__(self, place: Path, port: int) -> None:
        self.place, self.port, self.output = place, port, place / "output"
        unset = {"WECHAT_GATEWAY_LOCAL", "SECRET_KEY", "TOKEN_ENCRYPTION_KEYS", "DATABASE_URL"}
        clean = {name: value for name, value in os.environ.items() if name not in unset}
        self.environment = {**clean, "PORT": str(port), "VENV": sys.prefix}

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        here = command.replace(".venv/bin/python", sys.executable).replace(":8000", f":{self.port}")
        return subprocess.run(
            here, shell=True, cwd=self.place, env=self.environment, capture_output=True, text=True
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
        ".git", ".venv*", ".env", "db.sqlite3*", "staticfiles", ".*_cache"
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


def test_every_command_of_ours_works_in_the_order_of_the_readme(demo: Demo) -> None:
    assert OURS
    for command in OURS:
        result = demo.run(command)
        assert result.returncode == 0, f"{command}\n{result.stderr}"


def test_secrets_of_the_copy_are_its_owners_alone(demo: Demo) -> None:
    assert (demo.place / ".env").stat().st_mode & 0o077 == 0


def test_the_rest_is_run_by_ci() -> None:
    others = set(COMMANDS) - set(OURS)

    assert others == {"script/server", "script/test", "script/test --quick"}
    assert "script/test" in (ROOT / ".ci/run").read_text()


@pytest.mark.parametrize("page", ["README.md", ".github/CONTRIBUTING.md"])
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text())
    inside = [link for link in links if not link.startswith(("http", "../../actions"))]

    assert all(((ROOT / page).parent / link).exists() for link in inside), inside


def test_every_variable_the_code_reads_is_in_the_readme() -> None:
    code = "".join(
        (ROOT / "wechat_gateway" / name).read_text()
        for name in ("settings.py", "alert_settings.py", "env.py")
    )
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', code))

    assert read
    assert {name for name in read if f"`{name}`" not in README} == set()
