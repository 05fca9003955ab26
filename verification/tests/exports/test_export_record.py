"""An export is recorded in the change log."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.core.management import call_command

from verification.models import OfficialAccount, VerificationAttempt
from verification.tests.support.admin_client import last_event
from verification.tests.support.exports import NOON, make_attempts

FORMATS = ["jsonl", "csv", "sealed"]


@pytest.mark.parametrize("format_", FORMATS)
def test_the_command_prints_what_was_written_and_its_sha256(
    on_record: OfficialAccount, capfdbinary: pytest.CaptureFixture[bytes], format_: str
) -> None:
    call_command("export_attempts", format=format_)
    out, err = capfdbinary.readouterr()

    assert err.decode() == f"2 attempts, SHA-256 {hashlib.sha256(out).hexdigest()}\n"


def test_the_change_log_says_who_exported_what(
    on_record: OfficialAccount, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    call_command("export_attempts", format="csv", account="brand-a", since="2026-11-23")
    sha256 = hashlib.sha256(capfdbinary.readouterr().out).hexdigest()
    event = last_event()

    assert event.action == "exported"
    assert event.actor.startswith("command line")
    assert event.facts == {
        "format": "csv",
        "rows": 1,
        "sha256": sha256,
        "filters": {"account": "brand-a", "since": "2026-11-22T16:00:00+00:00"},
        "complete": True,
    }


def test_an_interrupted_export_is_in_the_change_log_too(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_attempts([NOON] * 600)
    monkeypatch.setattr(VerificationAttempt, "as_record", break_after(550))
    with pytest.raises(RuntimeError):
        call_command("export_attempts")
    facts = last_event().facts

    assert (facts["rows"], facts["complete"]) == (500, False)


def break_after(count: int) -> Any:
    as_record = VerificationAttempt.as_record

    def record_or_break(attempt: VerificationAttempt) -> dict[str, Any]:
        if attempt.pk > count:
            raise RuntimeError("interrupted")
        return as_record(attempt)

    return record_or_break
