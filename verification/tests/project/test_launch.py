"""A checkout starts wherever it is."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from verification.tests.support.checkout import LOCAL, Checkout
from verification.tests.support.gunicorn import running_gunicorn

ROOT = Path(settings.BASE_DIR)


@pytest.mark.process
@pytest.mark.parametrize("name", ["50% off #1?", "a b/%41"])
def test_the_database_is_in_the_checkout_whatever_its_path(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.mkdir(parents=True)
    result = Checkout(place).manage("migrate", "--verbosity", "0", **LOCAL)

    assert (result.returncode, result.stderr) == (0, "")
    assert (place / "db.sqlite3").stat().st_size > 0


@pytest.mark.process
def test_a_time_zone_is_known_on_a_system_that_has_none(tmp_path: Path) -> None:
    result = Checkout(tmp_path).manage(
        "shell", "-v0", "-c", "", **{**LOCAL, "PYTHONTZPATH": "", "TIME_ZONE": "Asia/Shanghai"}
    )

    assert (result.returncode, result.stderr) == (0, "")


def test_a_clone_has_scripts_without_carriage_returns(tmp_path: Path) -> None:
    """Clone as git on Windows is set up, with core.autocrlf."""
    clone = ["git", "-c", "safe.directory=*", "-c", "core.autocrlf=true", "clone", "-q"]
    # The files as they are now, because .gitattributes may not be committed yet.
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in (".gitattributes", "script/server", "Procfile", "docs/screenshots/connect.png"):
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_bytes((ROOT / path).read_bytes())
    git = ["git", "-c", "user.name=Li Wei", "-c", "user.email=li.wei@example.cn", "-C", str(copy)]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "All"]):
        subprocess.run([*git, *arguments], check=True)
    subprocess.run([*clone, f"file://{copy}", str(tmp_path / "clone")], check=True)

    for path in ("script/server", "Procfile", "docs/screenshots/connect.png"):
        assert (tmp_path / "clone" / path).read_bytes() == (ROOT / path).read_bytes()


# Starts its own gunicorn, because the test changes its code: 4 s.
@pytest.mark.process
def test_sighup_starts_workers_with_new_code_and_settings(
    transactional_db: None, tmp_path: Path
) -> None:
    checkout = Checkout(tmp_path / "checkout")
    with running_gunicorn(
        tmp_path / "output", place=str(checkout.path), WEB_CONCURRENCY="1"
    ) as server:
        server.wait_for("Started server process", times=1)
        for path, old, new in (
            ("wechat_gateway/env.py", "def flag(", "def new_in_env() -> None: ...\n\n\ndef flag("),
            ("wechat_gateway/settings.py", "env.raise_problems()", "env.new_in_env()"),
            ("verification/protocol/reply.py", 'Reply(200, b"ok")', 'Reply(200, b"new code")'),
        ):
            file = checkout.path / path
            assert old in file.read_text()
            file.write_text(file.read_text().replace(old, new))
        server.process.send_signal(signal.SIGHUP)
        server.wait_for("Started server process", times=2)
        server.wait_for("Finished server process", times=1)

        assert server.send(b"GET /healthz HTTP/1.0\r\n\r\n").endswith(b"new code")
