"""Tests of what all commands share."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command

from verification.tests.support.checkout import Checkout


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("add_account", ["only once", "--token", "--name", "--json", "server URL"]),
        ("rotate_token", ["only once", "--keep-old HOURS", "24 hours"]),
        (
            "send_check",
            ["platform does", "byte for byte", "exit code is 0", "self-test", "--url", "--token"],
        ),
        ("export_attempts", ["--since ISO", "--until ISO", "oldest first", "SHA-256"]),
        (
            "verify_export",
            ["gzipped", "no database, no key", "exit code is 1", "--head SEAL:DIGEST"],
        ),
        ("audit_totals", ["Counts every callback", "--json"]),
        ("verify_audit", ["has not been changed", "exit code is 1", "--head SEAL:DIGEST"]),
        ("ensure_admin", ["DJANGO_SUPERUSER_PASSWORD", "at every deployment"]),
        (
            "rotate_encryption_keys",
            ["TOKEN_ENCRYPTION_KEYS=NEW,OLD", "restart all processes", "Keep the old key", "--yes"],
        ),
        ("watch", ["--once", "exit code is 1", "--test", "every 5 minutes", "ALERT_WECOM_WEBHOOK"]),
        ("prepare_local", ["on this machine", "script/server"]),
    ],
)
def test_help_explains_each_command(
    capsys: pytest.CaptureFixture[str], command: str, words: list[str]
) -> None:
    with pytest.raises(SystemExit, match="0"):
        call_command(command, "--help")
    text = " ".join(capsys.readouterr().out.split())

    assert [word for word in words if word not in text] == []


@pytest.mark.process
def test_an_unreachable_database_is_reported_in_one_sentence(tmp_path: Path) -> None:
    away = "postgres://gateway:hunter2@127.0.0.1:1/gateway"
    result = Checkout(tmp_path).manage_test_database(
        "add_account", "jerry", "--token", "TokenOfJerry1234", DATABASE_URL=away
    )

    assert result.returncode == 1
    assert result.stderr.startswith("CommandError: The database cannot be used: ")
    assert "Is it running" in result.stderr
    assert "Traceback" not in result.stderr
    assert "hunter2" not in result.stderr
