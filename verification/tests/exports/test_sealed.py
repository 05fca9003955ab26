"""One command writes the sealed export. Another verifies it, with nothing but the file."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import models

from verification import __version__
from verification.audit_log.canonical import COLUMNS
from verification.audit_log.pruning import remove_seal_batch
from verification.change_log import Actor
from verification.models import ChainHead, ChangeEvent, Checkpoint, Seal, VerificationAttempt
from verification.tests.support.admin_client import last_event
from verification.tests.support.checkout import Checkout
from verification.tests.support.exports import complaints, export_sealed
from verification.tests.support.tampering import as_owner


class TestWriting:
    def test_the_command_writes_it(
        self, sealed_file: Path, capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        call_command("export_attempts", "--format=sealed")
        out = capfdbinary.readouterr().out

        assert out.splitlines()[1:] == sealed_file.read_bytes().splitlines()[1:]
        assert last_event().facts["rows"] == 9

    def test_each_seal_is_followed_by_its_attempts(self, sealed_file: Path) -> None:
        first, *rest, last = [json.loads(line) for line in sealed_file.read_text().splitlines()]
        seals = [entry["seal"] for entry in rest if "seal" in entry]

        assert (first["format"], first["version"]) == ("sealed log of wechat_gateway", 1)
        assert first["continues"] is None
        assert [entry.get("id") for entry in rest] == [None, 1, 2, 3, None, 4, 5, 6, None, 7, 8, 9]
        assert seals == [1, 2, 3]
        assert (last["rows"], last["seals"], last["head"]["seal"]) == (9, 3, 3)

    def test_an_attempt_has_every_sealed_column_with_its_label(self, sealed_file: Path) -> None:
        lines = sealed_file.read_text().splitlines()
        attempt = json.loads(lines[6])

        assert [*attempt] == [*COLUMNS]
        assert (attempt["outcome"], attempt["reason"]) == ("refused", "signature_mismatch")
        assert (attempt["kind"], attempt["method"]) == ("url_verification", "GET")
        assert json.loads(lines[3])["user_agent"] == "Mozilla\\4.0 \\N"

    def test_a_number_in_the_database_is_a_number_in_the_file(self, sealed_file: Path) -> None:
        attempts = [
            json.loads(line) for line in sealed_file.read_text().splitlines() if '"id"' in line
        ]
        numbers = {name for row in attempts for name, value in row.items() if type(value) is int}
        fields = VerificationAttempt._meta.concrete_fields

        assert numbers == {
            field.attname
            for field in fields
            if isinstance(field, models.IntegerField | models.ForeignKey) and not field.choices
        }

    def test_a_part_of_the_log_cannot_be_exported_sealed(self, db: None) -> None:
        with pytest.raises(CommandError, match="A chain can only be checked as a whole: leave out"):
            call_command("export_attempts", format="sealed", since="2026-11-23")

        assert not ChangeEvent.objects.exists()


class TestReading:
    def test_an_auditor_learns_what_was_checked_and_what_was_not(
        self, sealed_file: Path, capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        call_command("verify_export", str(sealed_file))
        output = capfdbinary.readouterr().out.decode()

        assert output.startswith("The chain in this file is intact: 9 attempts under 3 seals.\n")
        assert f"Its head: {ChainHead.objects.get().text}\n" in output
        assert "Not checked, because that needs the server's key" in output

    def test_an_empty_log_is_intact(self, db: None, tmp_path: Path) -> None:
        call_command("verify_export", str(export_sealed(tmp_path / "log.jsonl")))

    def test_a_gzipped_file_is_read_as_well(self, sealed_file: Path) -> None:
        gzipped = sealed_file.with_suffix(".gz")
        gzipped.write_bytes(gzip.compress(sealed_file.read_bytes()))
        call_command("verify_export", str(gzipped))
        gzipped.write_bytes(gzipped.read_bytes()[:-20])

        assert complaints(gzipped) == [f"{gzipped} cannot be read: it is damaged or cut off."]

    @pytest.mark.process
    def test_it_takes_no_variable_and_no_database(self, sealed_file: Path, tmp_path: Path) -> None:
        """As a process: an auditor has nothing but the project and the file."""
        (tmp_path / "auditor").mkdir()
        checkout = Checkout(tmp_path / "auditor")
        intact = checkout.manage("verify_export", str(sealed_file))
        sealed_file.write_bytes(
            sealed_file.read_bytes().replace(b"signature_mismatch", b"no_token", 1)
        )
        altered = checkout.manage("verify_export", str(sealed_file))

        assert (intact.returncode, intact.stderr) == (0, "")
        assert intact.stdout.startswith("The chain in this file is intact: 9 attempts")
        assert (altered.returncode, altered.stdout) == (1, "")
        assert "Something in seal 1 (attempts 1 to 3) was altered." in altered.stderr

    def test_a_pruned_log_is_checked_from_where_it_begins(
        self, sealed_file: Path, capfdbinary: pytest.CaptureFixture[bytes]
    ) -> None:
        remove_seal_batch(last_seal_id=1, actor=Actor("zhang.wei"))
        export_sealed(sealed_file)
        pruned = Checkpoint.objects.get().place.text
        call_command("verify_export", str(sealed_file), head=pruned)

        assert b"6 attempts under 2 seals" in capfdbinary.readouterr().out
        forged = sealed_file.read_text().replace(pruned[2:], "0" * 64, 1)
        sealed_file.write_text(forged)
        assert complaints(sealed_file)[0] == "Something in seal 2 (attempts 4 to 6) was altered."

    def test_a_kept_head_that_was_pruned_is_refused(self, sealed_file: Path) -> None:
        remove_seal_batch(last_seal_id=2, actor=Actor("zhang.wei"))

        assert (
            "Seal 1, which you kept, was pruned with all seals up to 2"
            in complaints(export_sealed(sealed_file), head=f"1:{'0' * 64}")[0]
        )

    def test_an_attempt_that_was_altered_in_the_database_is_found(self, sealed_file: Path) -> None:
        as_owner(VerificationAttempt, "UPDATE {table} SET kind = 99 WHERE id = 5")
        as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '8' WHERE id = 7")

        assert complaints(export_sealed(sealed_file)) == [
            "Line 8 is not valid in an export of an intact log.",
            "Something in seal 3 (attempts 7 to 9) was altered.",
            "Checked: 9 attempts under 3 seals.",
        ]


class TestKeptHead:
    def test_a_file_that_contains_it_is_intact(self, sealed_file: Path, capfdbinary: Any) -> None:
        seal = Seal.objects.get(pk=2)
        call_command("verify_export", str(sealed_file), head=f"2:{bytes(seal.digest).hex()}")

        assert b"It contains the head that you kept, of seal 2." in capfdbinary.readouterr().out

    @pytest.mark.parametrize(
        ("head", "finding"),
        [
            (f"2:{'0' * 64}", "Seal 2 is not the one that you kept: the log was rewritten."),
            (f"4:{'0' * 64}", "The log ends at seal 3, but you kept seal 4: its end was cut off."),
        ],
    )
    def test_a_file_that_lacks_it_is_reported(
        self, sealed_file: Path, head: str, finding: str
    ) -> None:
        assert complaints(sealed_file, head=head)[0] == finding

    def test_a_malformed_head_is_refused(self, sealed_file: Path) -> None:
        assert "is not a head: a seal's number, a colon" in complaints(sealed_file, head="3:abc")[0]


@pytest.mark.parametrize(
    ("content", "finding"),
    [
        (b"", "This is not a sealed export. Create one with export_attempts --format sealed."),
        (b"id,recorded_at\r\n1,2026-11-23\r\n", "This is not a sealed export"),
        (b'{"id": 1, "recorded_at": "2026-11-23"}\n', "This is not a sealed export"),
        (b"\x00" * 100_000, "This is not a sealed export"),
        (b"[1]\n", "This is not a sealed export"),
    ],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes, finding: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    assert complaints(path)[0].startswith(f"{path}: {finding}")


def test_a_file_of_a_later_release_is_refused(sealed_file: Path) -> None:
    sealed_file.write_bytes(sealed_file.read_bytes().replace(b'"version": 1', b'"version": 2', 1))

    assert "has version 2, which this release does not support." in complaints(sealed_file)[0]


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_file_that_cannot_be_opened_is_reported(tmp_path: Path, name: str) -> None:
    assert complaints(tmp_path / name)[0].startswith(f"{tmp_path / name} cannot be read: ")


def test_the_release_is_the_newest_of_the_changelog() -> None:
    changelog = (settings.BASE_DIR / "CHANGELOG.md").read_text()
    releases = re.findall(r"^## (\d\S*) – \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)

    assert releases[0] == __version__
