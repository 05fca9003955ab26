"""With --json, a command prints one object on one line, with stable keys and times in UTC."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils.translation import override

from verification.diagnosis import remark_on
from verification.models import ChainHead, OfficialAccount, VerificationAttempt
from verification.tests.support import fake_server
from verification.tests.support.fake_server import serving
from verification.tests.support.gunicorn import free_port
from verification.tests.support.tampering import as_owner

Output = pytest.CaptureFixture[str]


def read(capsys: Output) -> dict[str, Any]:
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    facts: dict[str, Any] = json.loads(out)
    return facts


def test_an_explanation_has_the_record_of_its_attempt(
    on_record: OfficialAccount, capsys: Output
) -> None:
    call_command("explain_attempt", "2", "--json")
    facts = read(capsys)

    attempt = VerificationAttempt.objects.get(pk=2)
    assert facts["attempt"] == attempt.as_record()
    assert facts["cause"] == "path_mistyped"
    assert facts["what_happened"].endswith(".")
    assert facts["remarks"] == [
        {"remark": remark.name, "text": remark.text} for remark in remark_on(attempt)
    ]


def test_keys_and_labels_stay_english_in_chinese(
    on_record: OfficialAccount, capsys: Output
) -> None:
    with override("zh-hans"):
        call_command("explain_attempt", "2", "--json")
    facts = read(capsys)

    assert (facts["attempt"]["outcome"], facts["cause"]) == ("refused", "path_mistyped")
    assert "。" in facts["what_to_do"]


def test_a_check_of_the_log_has_its_head(on_record: OfficialAccount, capsys: Output) -> None:
    call_command("verify_audit", "--json")

    assert read(capsys) == {
        "intact": True,
        "attempts": 2,
        "seals": 2,
        "head": ChainHead.objects.get().text,
        "problems": [],
        "checkpoint": None,
    }


def test_a_broken_log_is_told_by_the_facts_and_by_the_exit_code(
    on_record: OfficialAccount, capsys: Output
) -> None:
    as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '1' WHERE id = 2")
    with pytest.raises(CommandError) as refusal:
        call_command("verify_audit", "--json")
    facts = read(capsys)

    assert (refusal.value.returncode, facts["intact"]) == (1, False)
    assert facts["problems"][0] in str(refusal.value)


def test_a_check_after_a_pruning_says_what_the_checkpoint_stands_for(
    two_years: None, capsys: Output
) -> None:
    call_command("prune_attempts", "--older-than=400d", "--json")
    pruned = read(capsys)
    call_command("verify_audit", "--json")
    checkpoint = read(capsys)["checkpoint"]

    assert (pruned["dry_run"], pruned["attempts"], pruned["seals"]) == (False, 5, 5)
    assert (checkpoint["attempts"], checkpoint["seals"]) == (5, 5)
    assert checkpoint["recorded_at"] == pruned["to"]
    assert pruned["to"].endswith("+00:00")


def test_a_dry_run_needs_no_yes_and_removes_nothing(two_years: None, capsys: Output) -> None:
    call_command("prune_attempts", "--older-than=30d", "--dry-run", "--json")
    facts = read(capsys)

    assert (facts["dry_run"], facts["older_than"], facts["attempts"]) == (True, "30d", 5)
    assert VerificationAttempt.objects.count() == 7


def test_a_verified_export_has_its_head(sealed_file: Path, capsys: Output) -> None:
    call_command("verify_export", str(sealed_file), "--json")
    facts = read(capsys)

    assert (facts["intact"], facts["attempts"], facts["seals"]) == (True, 9, 3)
    assert facts["head"] == ChainHead.objects.get().text


def test_the_summary_of_an_export_is_what_the_change_log_has(
    on_record: OfficialAccount, capsys: Output
) -> None:
    call_command("export_attempts", "--json")
    out, err = capsys.readouterr()
    facts = json.loads(err)

    assert (facts["format"], facts["rows"], facts["complete"]) == ("jsonl", 2, True)
    assert out.count("\n") == 2


def test_a_check_of_the_server_url_has_status_and_duration(
    brand_a: OfficialAccount, capsys: Output
) -> None:
    with serving(fake_server.right) as server:
        call_command("send_check", "brand-a", "--url", server.url, "--json")
    facts = read(capsys)

    assert (facts["slug"], facts["called"]) == ("brand-a", server.url)
    assert (facts["passes"], facts["status"], facts["problems"]) == (True, 200, [])
    assert 0 < facts["duration"] < 5_000_000


def test_without_a_server_a_check_says_what_to_set(
    brand_a: OfficialAccount, capsys: Output, settings: Any
) -> None:
    settings.PORT = free_port()
    with pytest.raises(CommandError, match="PUBLIC_URL is not set.* in PORT .* use --url"):
        call_command("send_check", "brand-a", "--json")
    facts = read(capsys)

    assert (facts["passes"], facts["status"]) == (False, None)
