"""Accounts of every platform are added, changed and given a key on the command line."""

from __future__ import annotations

import json
import re
import sys
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from verification.models import AESKey, ChangeEvent, OfficialAccount
from verification.protocol.enums import Platform
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import call
from verification.tests.support.messages import AES_KEY, APP_ID, OTHER_AES_KEY
from verification.tests.support.signer import verification
from verification.tests.support.wecom import (
    CORP_ID,
    ECHOSTR,
    SUITE_ID,
    make_wecom_app,
    wecom_verification,
)

Output = pytest.CaptureFixture[str]
WECOM = ("--platform", "wecom", "--app-id", CORP_ID)


def add(capsys: Output, *options: str) -> dict[str, Any]:
    call_command("add_account", "brand", "--json", *options)
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


class TestAdding:
    def test_a_wecom_app_can_be_saved_in_its_console_at_once(
        self, db: None, capsys: Output
    ) -> None:
        added = add(capsys, *WECOM)
        query = wecom_verification(added["token"], key=added["aes_key"])
        answer = Client().get(f"{added['path']}?{query}")

        assert (added["platform"], added["app_id"], added["suite_id"]) == ("wecom", CORP_ID, "")
        assert (answer.status_code, answer.content) == (200, ECHOSTR.encode())
        assert "aes_key_created" in ChangeEvent.objects.values_list("action", flat=True)

    def test_an_operator_reads_what_to_enter_in_wecoms_console(
        self, db: None, settings: Any, capsys: Output
    ) -> None:
        settings.PUBLIC_URL = "https://wx.example.cn"
        call_command("add_account", "brand", *WECOM)
        out, err = capsys.readouterr()
        lines = out.splitlines()

        assert lines[0] == "Server URL: https://wx.example.cn/wechat/brand"
        assert re.fullmatch(r"Token:      [A-Za-z0-9]{32}", lines[1])
        assert re.fullmatch(r"EncodingAESKey: [A-Za-z0-9]{43}", lines[2])
        assert lines[3] == "Enter them in WeCom's console and press Save (保存)."
        assert lines[4] == "Do not press 随机获取 there: it would replace them."
        assert lines[5].startswith("The token and the key are not printed again.")
        assert err == ""

    def test_a_key_that_was_given_is_not_printed(
        self, db: None, monkeypatch: pytest.MonkeyPatch, capsys: Output
    ) -> None:
        monkeypatch.setattr(sys, "stdin", StringIO(f"{A}\n{AES_KEY}\n"))
        call_command("add_account", "brand", *WECOM, "--token", "-", "--key", "-")

        assert AES_KEY not in capsys.readouterr().out
        assert AESKey.objects.get().holds(AES_KEY)
        assert OfficialAccount.objects.get().tokens.get().holds(A)

    def test_a_third_party_app_has_two_ids(self, db: None, capsys: Output) -> None:
        added = add(capsys, *WECOM, "--suite-id", SUITE_ID)

        assert added["suite_id"] == SUITE_ID
        assert OfficialAccount.objects.get().receive_ids == [CORP_ID, SUITE_ID]

    def test_a_mini_program_is_called_as_an_official_account(
        self, db: None, capsys: Output
    ) -> None:
        added = add(capsys, "--platform", "mini-program")
        answer = Client().get(f"{added['path']}?{verification(added['token'])}")

        assert (added["platform"], added["aes_key"]) == ("mini_program", None)
        assert answer.status_code == 200

    def test_a_mini_program_needs_its_backend_before(self, db: None, capsys: Output) -> None:
        call_command("add_account", "brand", "--platform", "mini-program")
        out = capsys.readouterr().out

        assert "Enter them in the Mini Program's console and press Submit (提交)." in out
        assert "set a backend first." in out

    def test_other_accounts_get_a_key_only_if_it_is_given(self, db: None, capsys: Output) -> None:
        added = add(capsys, "--app-id", APP_ID, "--key", AES_KEY)

        assert (added["platform"], added["app_id"]) == ("official_account", APP_ID)
        assert added["aes_key"] is None
        assert AESKey.objects.get().holds(AES_KEY)

    @pytest.mark.parametrize(
        ("options", "why"),
        [
            (["--platform", "wecom"], "^app_id: Enter the CorpID"),
            (["--platform", "wecom", "--app-id", "1000002"], "^app_id: This is an AgentId"),
            (["--platform", "wecom", "--app-id", "gh_97417a04a28d"], "original ID"),
            ([*WECOM, "--suite-id", "1000002"], "^suite_id: A SuiteID is"),
            ([*WECOM, "--key", A], "This is too short, and may be a token"),
            ([*WECOM, "--key", ""], "This is too short, and may be a token"),
            (["--app-id", APP_ID, "--key", ""], "This is too short, and may be a token"),
            (["--suite-id", SUITE_ID], "^suite_id: Only a WeCom app has a SuiteID"),
            (["--app-id", CORP_ID], "^app_id: This is a CorpID"),
            (["--key", AES_KEY], "Enter the AppID as well"),
        ],
    )
    def test_what_does_not_fit_the_platform_is_refused_and_changes_nothing(
        self, db: None, options: list[str], why: str
    ) -> None:
        with pytest.raises(CommandError, match=why):
            call_command("add_account", "brand", *options)

        assert not OfficialAccount.objects.exists()
        assert not ChangeEvent.objects.exists()

    def test_an_odd_corp_id_gets_a_warning(self, db: None, capsys: Output) -> None:
        call_command("add_account", "brand", "--platform", "wecom", "--app-id", CORP_ID[:-1])

        assert f"Warning: “{CORP_ID[:-1]}” is not shaped like a CorpID" in capsys.readouterr().err


class TestChanging:
    def test_a_wrong_platform_can_be_put_right(
        self, brand_a: OfficialAccount, capsys: Output
    ) -> None:
        call_command("set_account", "brand-a", *WECOM, "--suite-id", SUITE_ID)
        out = capsys.readouterr().out
        account = OfficialAccount.objects.get()

        assert "Changed platform, CorpID, SuiteID of Brand-A." in out
        assert "run set_aes_key brand-a before you press Save (保存)." in out
        assert (account.platform, account.suite_id) == (Platform.WECOM, SUITE_ID)
        assert ChangeEvent.objects.latest("id").facts["changes"]["platform"] == [1, 3]

    def test_it_is_fixed_once_it_has_called(self, brand_a: OfficialAccount) -> None:
        call("/wechat/brand-a", A)
        with pytest.raises(CommandError, match="^platform: The platform cannot change"):
            call_command("set_account", "brand-a", "--platform", "mini-program")
        call_command("set_account", "brand-a", "--platform", "official-account", "--name", "B")

        assert OfficialAccount.objects.get().platform == Platform.OFFICIAL_ACCOUNT

    def test_the_corp_id_of_a_wecom_app_can_be_corrected_but_not_removed(
        self, db: None, capsys: Output
    ) -> None:
        make_wecom_app("wecom", A)
        call_command("set_account", "wecom", "--app-id", "wx5823bf96d3bd56c7")
        with pytest.raises(CommandError, match="^app_id: Enter the CorpID"):
            call_command("set_account", "wecom", "--app-id", "")

        assert capsys.readouterr().out == "Changed CorpID of Wecom.\n"
        assert OfficialAccount.objects.get().app_id == "wx5823bf96d3bd56c7"


class TestKeys:
    def test_a_new_key_goes_into_wecoms_console(self, db: None, capsys: Output) -> None:
        make_wecom_app("wecom", A)
        call_command("set_aes_key", "wecom")
        out = capsys.readouterr().out

        assert "Paste it into WeCom's console (EncodingAESKey) and press Save (保存)." in out

    def test_a_stored_one_is_named_with_the_corp_id(self, db: None, capsys: Output) -> None:
        make_wecom_app("wecom", A)
        call_command("set_aes_key", "wecom", "--key", OTHER_AES_KEY)

        assert f", CorpID {CORP_ID})." in capsys.readouterr().out

    def test_the_suite_id_is_not_taken_as_the_corp_id(self, db: None) -> None:
        make_wecom_app("wecom", A, suite_id=SUITE_ID)
        with pytest.raises(CommandError, match="This is the SuiteID. Enter the CorpID"):
            call_command("set_aes_key", "wecom", "--app-id", SUITE_ID)

        assert OfficialAccount.objects.get().app_id == CORP_ID
        assert AESKey.objects.count() == 1

    def test_a_wecom_app_cannot_be_without_one(self, db: None) -> None:
        make_wecom_app("wecom", A)
        with pytest.raises(CommandError, match="which the account needs. Rotate it instead."):
            call_command("set_aes_key", "wecom", "--none")

        assert AESKey.objects.get().is_current

    def test_a_new_token_goes_into_wecoms_console(self, db: None, capsys: Output) -> None:
        make_wecom_app("wecom", A)
        call_command("rotate_token", "wecom")
        out = capsys.readouterr().out

        assert "Paste the token into WeCom's console (Token) and press Save (保存)." in out
        assert "24 hours after WeCom first uses the new one." in out


@pytest.mark.parametrize("command", ["list_accounts", "pause_account", "send_check"])
def test_json_of_every_command_has_the_platform(
    db: None, capsys: Output, command: str, settings: Any
) -> None:
    make_wecom_app("wecom", A)
    settings.PORT = 9  # Nobody answers there.
    arguments = [] if command == "list_accounts" else ["wecom"]
    try:
        call_command(command, *arguments, "--json")
    except CommandError:
        assert command == "send_check"
    facts = json.loads(capsys.readouterr().out)

    assert facts.get("accounts", [facts])[0]["platform"] == "wecom"
