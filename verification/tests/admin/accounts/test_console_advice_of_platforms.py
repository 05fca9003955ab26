"""The advice on what the consoles of Mini Programs and of WeCom answered."""

from __future__ import annotations

import html

import pytest
from django.test import Client

from verification.accounts.pausing import pause
from verification.models import OfficialAccount, VerificationAttempt
from verification.models.noise import WECHAT_USER_AGENT
from verification.protocol.enums import Platform
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import (
    open_account,
    wechat_verifies,
    wecom_pushes,
    wecom_verifies,
)
from verification.tests.support.backend import set_backend
from verification.tests.support.messages import OTHER_AES_KEY
from verification.tests.support.tampering import as_owner
from verification.tests.support.wecom import OTHER_CORP_ID, SUITE_ID, make_wecom_app


def advice(client: Client, account: OfficialAccount, answer: str) -> str:
    text = open_account(client, account, console=answer)
    return html.unescape(text.partition('class="advice"')[2].partition("</p>")[0])


@pytest.mark.parametrize("answer", ["token", "timeout", "nonsense"])
def test_the_answers_of_another_console_bring_no_advice(
    li_wei_at_work: Client, wecom_app: OfficialAccount, answer: str
) -> None:
    assert not advice(li_wei_at_work, wecom_app, answer)


def test_what_wecom_says_without_calling_needs_no_log(
    li_wei_at_work: Client, wecom_app: OfficialAccount
) -> None:
    wecom_verifies(wecom_app, A)

    assert "ICP filing" in advice(li_wei_at_work, wecom_app, "domain")
    assert "shared tunnel domain" in advice(li_wei_at_work, wecom_app, "restricted")


def test_the_one_failure_of_wecom_is_told_apart_by_the_log(
    li_wei_at_work: Client, wecom_app: OfficialAccount
) -> None:
    nothing = advice(li_wei_at_work, wecom_app, "failed")
    assert "WeCom has not reached this server for “Service”" in nothing
    assert "developer.work.weixin.qq.com/resource/devtool" in nothing
    wecom_verifies(wecom_app, "Nonsense12345678")
    assert "has not reached" not in advice(li_wei_at_work, wecom_app, "failed")
    wecom_verifies(wecom_app, A, key=OTHER_AES_KEY)
    assert "EncodingAESKey" in advice(li_wei_at_work, wecom_app, "failed")
    wecom_verifies(wecom_app, A, corp_id=OTHER_CORP_ID)
    assert OTHER_CORP_ID in advice(li_wei_at_work, wecom_app, "failed")

    wecom_verifies(wecom_app, A)
    assert "changed or replaced it" in advice(li_wei_at_work, wecom_app, "failed")
    as_owner(VerificationAttempt, "UPDATE {table} SET duration = 1100000")
    assert "We took 1.1 s" in advice(li_wei_at_work, wecom_app, "failed")


def test_what_is_missing_here_is_named_before_the_network(li_wei_at_work: Client, db: None) -> None:
    without_key = make_wecom_app("without-key", A, key="")
    without_token = make_account("without-token", platform=Platform.WECOM.value)

    sentence = "Set the EncodingAESKey here first, then press Save (保存)"
    assert sentence in advice(li_wei_at_work, without_key, "failed")
    sentence = "has no token, so every check is refused"
    assert sentence in advice(li_wei_at_work, without_token, "failed")


def test_a_suite_has_an_answer_of_its_own(li_wei_at_work: Client, db: None) -> None:
    suite = make_wecom_app("suite", A, suite_id=SUITE_ID)

    assert "has not reached this server" in advice(li_wei_at_work, suite, "failed")
    assert "has not reached this server" in advice(li_wei_at_work, suite, "template")
    wecom_verifies(suite, A)
    assert "changed or replaced it" in advice(li_wei_at_work, suite, "template")


def test_after_save_it_says_what_is_left_to_do(
    li_wei_at_work: Client, wecom_app: OfficialAccount
) -> None:
    assert "press Save (保存)" in advice(li_wei_at_work, wecom_app, "success")
    wecom_verifies(wecom_app, A)
    assert "members get no reply" in advice(li_wei_at_work, wecom_app, "success")
    wecom_pushes(wecom_app, A)
    assert "and messages arrive. Set a backend" in advice(li_wei_at_work, wecom_app, "success")
    set_backend(wecom_app, "https://crm.example.cn/wecom")
    assert "nothing is left to do" in advice(li_wei_at_work, wecom_app, "success")


def test_a_verified_app_with_a_backend_waits_for_messages_only(
    li_wei_at_work: Client, wecom_app: OfficialAccount
) -> None:
    set_backend(wecom_app, "https://crm.example.cn/wecom")
    wecom_verifies(wecom_app, A)
    text = advice(li_wei_at_work, wecom_app, "success")

    assert "Messages arrive here from now on." in text
    assert "Enable" not in text


def test_a_lost_query_string_is_named(li_wei_at_work: Client, wecom_app: OfficialAccount) -> None:
    Client(headers={"User-Agent": WECHAT_USER_AGENT}).get(wecom_app.server_path)
    text = advice(li_wei_at_work, wecom_app, "failed")

    assert "something on the way has probably removed the query string" in text
    assert "has not reached this server" not in text


def test_a_refused_message_after_save_is_all_that_is_said(
    li_wei_at_work: Client, wecom_app: OfficialAccount
) -> None:
    wecom_verifies(wecom_app, A)
    assert wecom_pushes(wecom_app, A, corp_id=OTHER_CORP_ID) == 403
    text = advice(li_wei_at_work, wecom_app, "success")

    assert f"what was encrypted ends with {OTHER_CORP_ID}" in text
    assert "Verified" not in text
    assert "arrive" not in text


def test_the_pause_names_the_button_of_the_console(
    li_wei_at_work: Client, wecom_app: OfficialAccount
) -> None:
    pause(wecom_app, LI_WEI)

    text = advice(li_wei_at_work, wecom_app, "failed")
    assert "resume it before you press Save (保存) again" in text


@pytest.mark.parametrize(
    ("answer", "nothing", "accepted"),
    [
        ("success", "holds another server URL", "users get no reply"),
        ("token", "another host answered", "changed or replaced it"),
        ("timeout", "port 80 or 443", "reached WeChat too late"),
        ("unresolved", "remove the port", "remove the port"),
        ("tls", "Allow TLS 1.2", "changed or replaced it"),
        ("error", "names no cause", "names no cause"),
    ],
)
def test_the_answers_of_a_mini_program(
    li_wei_at_work: Client, mini_program: OfficialAccount, answer: str, nothing: str, accepted: str
) -> None:
    assert nothing in advice(li_wei_at_work, mini_program, answer)
    wechat_verifies(mini_program, B)
    assert accepted in advice(li_wei_at_work, mini_program, answer)
