"""A sealed export that went through a terminal, as with `heroku run … > file`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from verification.tests.support.checkout import Checkout, on_test_database
from verification.tests.support.exports import complaints

SUMMARY = b"9 attempts, SHA-256 " + b"0a" * 32 + b"\n"


def test_changed_line_ends_are_named_and_the_advice_restores_the_file(
    sealed_file: Path, tmp_path: Path
) -> None:
    original = sealed_file.read_bytes()
    changed, restored = tmp_path / "changed.jsonl", tmp_path / "restored.jsonl"
    changed.write_bytes((original + SUMMARY).replace(b"\n", b"\r\n"))
    [complaint] = complaints(changed)
    assert "A terminal, such as that of heroku run, has changed the ends of its lines" in complaint

    advice = complaint.partition("into a new file: ")[2]
    command = advice.replace("NEW_FILE", str(restored)).replace("FILE", str(changed))
    subprocess.run(command, shell=True, check=True)
    call_command("verify_export", str(restored))
    assert restored.read_bytes() == original


@pytest.mark.parametrize("summary", [SUMMARY, b'{"rows": 9, "sha256": "' + b"0a" * 32 + b'"}\n'])
def test_a_summary_that_was_saved_with_the_export_is_named(
    sealed_file: Path, tmp_path: Path, summary: bytes
) -> None:
    merged = tmp_path / "merged.jsonl"
    merged.write_bytes(sealed_file.read_bytes() + summary)

    assert complaints(merged)[0].startswith(
        "Line 15 is what export_attempts prints on standard error"
    )


def test_an_altered_export_is_not_taken_for_one_from_a_terminal(
    sealed_file: Path, tmp_path: Path
) -> None:
    lines = sealed_file.read_bytes().splitlines(keepends=True)
    altered = tmp_path / "altered.jsonl"
    altered.write_bytes(b"".join([*lines[:7], lines[7].replace(b"\n", b"\r\n"), *lines[8:]]))

    assert complaints(altered)[0].startswith("Line 8 is not valid")


def test_a_sealed_export_is_not_written_to_a_terminal(
    transactional_db: None, tmp_path: Path
) -> None:
    Checkout(tmp_path)
    command = [sys.executable, "manage.py", "export_attempts", "--format", "sealed"]
    result = subprocess.run(
        [sys.executable, "-c", "import pty, sys; pty.spawn(sys.argv[1:])", *command],
        cwd=tmp_path,
        env={**on_test_database(), "PATH": os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert "Standard output is a terminal, which would change the file" in result.stdout


def test_a_file_of_another_kind_with_such_line_ends_is_no_export(tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_bytes(b'{"format": "another"}\r\n')
    with pytest.raises(CommandError, match="This is not a sealed export"):
        call_command("verify_export", str(other))
