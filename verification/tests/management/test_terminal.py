"""Every command writes to any terminal or pipe, and ends quietly when it is stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

from verification.models import OfficialAccount, Token
from verification.tests.support.adapter import A
from verification.tests.support.checkout import Checkout, on_test_database
from verification.tests.support.signer import verification

NEW = "NewTokenOfBrandA99"
CTRL_C = "\x03"


def run_in_shell(command: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run a command line in bash, where a pipe has the exit code of its first command."""
    return subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        cwd=path,
        env={**os.environ, **on_test_database(), "python": sys.executable},
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_a_terminal_without_chinese_shows_the_token_that_was_rotated(
    transactional_db: None, brand_a: OfficialAccount, tmp_path: Path, encoding: str
) -> None:
    result = Checkout(tmp_path).manage_test_database(
        "rotate_token", "brand-a", "--token", NEW, PYTHONIOENCODING=encoding
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert f"Token:      {NEW}\n" in result.stdout
    assert r"Submit (\u63d0\u4ea4)" in result.stdout
    assert Client().get(f"/wechat/brand-a?{verification(NEW)}").status_code == 200


def test_the_error_of_a_command_is_written_to_a_terminal_without_chinese(
    transactional_db: None, tmp_path: Path
) -> None:
    OfficialAccount.objects.create(slug="dian", name="一号店")
    result = Checkout(tmp_path).manage_test_database(
        "send_check", "dian", PYTHONIOENCODING="ascii:strict"
    )

    assert result.returncode == 1
    assert r"\u4e00\u53f7\u5e97 has no token yet" in result.stderr


@pytest.mark.parametrize("command", ["audit_totals", "showmigrations"])
def test_a_reader_that_leaves_early_ends_a_command_without_a_message(
    transactional_db: None, tmp_path: Path, command: str
) -> None:
    Checkout(tmp_path)
    result = run_in_shell(f"$python manage.py {command} | true", tmp_path)

    assert (result.returncode, result.stderr) == (128 + signal.SIGPIPE, "")


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        ("list_accounts >&-", 0, ""),
        ("list_accounts > /dev/full", 1, "The output cannot be written, because the disk is full."),
        ("add_account brand-b --token - <&-", 1, "--token - reads standard input, which was empty"),
    ],
)
def test_a_closed_or_full_stream_gives_a_sentence_at_most(
    transactional_db: None, tmp_path: Path, command: str, code: int, message: str
) -> None:
    OfficialAccount.objects.create(slug="brand-a", name="Brand A")
    Checkout(tmp_path)
    result = run_in_shell(f"$python manage.py {command}", tmp_path)

    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_a_token_is_typed_without_echo(
    transactional_db: None, brand_a: OfficialAccount, tmp_path: Path
) -> None:
    Checkout(tmp_path)
    with in_a_terminal(tmp_path, "rotate_token", "brand-a", "--token", "-") as process:
        assert read_prompt(process).endswith("Token: ")
        shown, _err = process.communicate(f"{NEW}\n", timeout=20)

    assert process.returncode == 0
    assert shown.count(NEW) == 1  # the line that says what to paste
    assert Client().get(f"/wechat/brand-a?{verification(NEW)}").status_code == 200


def test_ctrl_c_ends_a_command_without_a_traceback(
    transactional_db: None, brand_a: OfficialAccount, tmp_path: Path
) -> None:
    Checkout(tmp_path)
    with in_a_terminal(tmp_path, "rotate_token", "brand-a", "--token", "-") as process:
        read_prompt(process)
        try:
            shown, _err = process.communicate(CTRL_C, timeout=20)
        finally:
            process.kill()

    assert process.returncode == 128 + signal.SIGINT
    assert "Traceback" not in shown
    assert Token.objects.get().holds(A)


def in_a_terminal(path: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a command in a new terminal, whose keyboard and screen are the pipes of the result."""
    program = "import os, pty, sys; code = pty.spawn(sys.argv[1:])\n"
    program += "sys.exit(os.waitstatus_to_exitcode(code))"
    return subprocess.Popen(
        [sys.executable, "-c", program, sys.executable, "manage.py", *arguments],
        cwd=path,
        env=on_test_database(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def read_prompt(process: subprocess.Popen[str]) -> str:
    """Return what the terminal shows once it waits after a colon."""
    shown = ""
    while process.stdout and not shown.endswith(": "):
        letter = process.stdout.read(1)
        assert letter, shown
        shown += letter
    return shown


@pytest.mark.process
def test_an_option_that_postgresql_does_not_know_is_named_in_a_sentence(tmp_path: Path) -> None:
    url = "postgres://gateway:hunter2@127.0.0.1:1/gateway?pgbouncer=true"
    checkout = Checkout(tmp_path)
    for command in ("migrate", "audit_totals"):
        result = checkout.manage_test_database(command, DATABASE_URL=url)

        assert result.returncode == 1
        assert 'invalid connection option "pgbouncer". Correct DATABASE_URL' in result.stderr
        assert result.stderr.count("\n") == 1
        assert "hunter2" not in result.stderr
