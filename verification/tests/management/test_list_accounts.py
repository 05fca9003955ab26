from __future__ import annotations

import json

import pytest
from django.core.management import call_command

from verification.accounts.pausing import pause
from verification.models import OfficialAccount
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import call

Output = pytest.CaptureFixture[str]


@pytest.fixture
def three_accounts(brand_a: OfficialAccount, brand_b: OfficialAccount) -> None:
    """Verify brand-a, refuse brand-b with brand-a's token, and pause an outlet."""
    call("/wechat/brand-a", A)
    call("/wechat/brand-b", A)
    pause(make_account("outlet", "TokenOfTheOutlet1"), LI_WEI)


@pytest.mark.usefixtures("three_accounts")
def test_an_operator_reads_the_problems_first(capsys: Output, settings) -> None:
    settings.PUBLIC_URL = "https://wx.example.cn"
    call_command("list_accounts")
    lines = capsys.readouterr().out.splitlines()

    assert lines[0].startswith("✕ brand-b · Brand-B: Refused: ")
    assert lines[1] == "  https://wx.example.cn/wechat/brand-b · no accepted call yet"
    assert lines[2].startswith("  This was signed with the token of “Brand-A”, but the URL ")
    assert lines[3].startswith("✓ brand-a · Brand-A: Verified on ")
    assert lines[4].startswith("  https://wx.example.cn/wechat/brand-a · last accepted call ")
    assert lines[5].startswith("‖ outlet · Outlet: Paused by li.wei on ")
    assert lines[7:] == ["3 accounts, 1 needs attention. Times are in Asia/Shanghai (UTC+8)."]


@pytest.mark.usefixtures("three_accounts")
def test_json_has_the_state_as_a_stable_word_and_times_in_utc(capsys: Output) -> None:
    call_command("list_accounts", "--json")
    accounts = json.loads(capsys.readouterr().out)["accounts"]

    assert [(account["slug"], account["state"]) for account in accounts] == [
        ("brand-b", "failing"),
        ("brand-a", "verified"),
        ("outlet", "paused"),
    ]
    assert [account["refused_in_24_h"] for account in accounts] == [1, 0, 0]
    assert accounts[0]["last_accepted"] is None
    assert accounts[0]["advice"].endswith("into that console.")
    assert [account["needs_attention"] for account in accounts] == [True, False, False]
    assert [account["attempt"] for account in accounts] == [2, None, None]
    assert accounts[1]["last_accepted"].endswith("+00:00")
    assert accounts[1]["url"] is None


def test_without_accounts_it_says_how_to_add_one(db: None, capsys: Output) -> None:
    call_command("list_accounts")

    assert "add one with add_account" in capsys.readouterr().out


def test_without_a_public_url_it_says_why_only_paths_are_shown(
    brand_a: OfficialAccount, capsys: Output
) -> None:
    call_command("list_accounts")

    assert "PUBLIC_URL is not set" in capsys.readouterr().out
