from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from verification.models import ChangeEvent, OfficialAccount
from verification.tests.support.adapter import A
from verification.tests.support.signer import verification


def status() -> int:
    return Client().get(f"/wechat/brand-a?{verification(A)}").status_code


def test_a_paused_account_is_refused_until_it_is_resumed(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("pause_account", "brand-a")
    assert status() == 403
    call_command("resume_account", "brand-a")
    assert status() == 200

    assert capsys.readouterr().out.splitlines() == [
        "Paused Brand-A. Run resume_account brand-a to accept its callbacks again.",
        "Resumed Brand-A: its callbacks are answered again.",
    ]


def test_the_change_log_says_who_paused_and_resumed(brand_a: OfficialAccount) -> None:
    for command in ("pause_account", "pause_account", "resume_account", "resume_account"):
        call_command(command, "brand-a")
    events = ChangeEvent.objects.filter(actor__startswith="command line").order_by("id")

    assert [event.action for event in events] == ["account_paused", "account_resumed"]


@pytest.mark.parametrize("command", ["pause_account", "resume_account"])
def test_an_unknown_account_is_refused(db: None, command: str) -> None:
    with pytest.raises(CommandError, match='no account with the slug "nobody"'):
        call_command(command, "nobody")


def test_json_says_whether_anything_changed(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in ("pause_account", "pause_account", "resume_account"):
        call_command(command, "brand-a", "--json")
    call_command("set_account", "brand-a", "--json", name="一号店")
    facts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert [fact.get("is_paused") for fact in facts] == [True, True, False, None]
    assert [fact["changed"] for fact in facts] == [True, False, True, ["name"]]
    assert {fact["slug"] for fact in facts} == {"brand-a"}
    assert facts[-1]["name"] == "一号店"


def test_pausing_or_resuming_twice_changes_nothing_and_says_so(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("resume_account", "brand-a")

    assert capsys.readouterr().out == "Brand-A is not paused; nothing was changed.\n"
