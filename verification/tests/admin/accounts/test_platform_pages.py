"""Accounts of each platform: the list, and the card that connects them."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client

from verification.models import OfficialAccount
from verification.protocol.console import MINI_PROGRAM, WECOM_APP, WECOM_SUITE
from verification.protocol.enums import Platform
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import (
    open_account,
    open_list,
    page,
    state_of,
    wechat_pushes,
    wechat_verifies,
    wecom_pushes,
    wecom_verifies,
)
from verification.tests.support.backend import set_backend
from verification.tests.support.messages import AES_KEY, OTHER_AES_KEY
from verification.tests.support.wecom import (
    CORP_ID,
    ECHOSTR,
    OTHER_CORP_ID,
    SUITE_ID,
    make_wecom_app,
)


def connect_card(text: str) -> str:
    """Return the card that connects the account, without markup."""
    card = text.partition('id="connect"')[2].partition('id="backend-card"')[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", card)).split())


class TestTheList:
    def test_it_names_platforms_only_if_there_are_several(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        assert "Mini Program" not in open_list(li_wei_at_work)
        make_account("shop", B, platform=Platform.MINI_PROGRAM.value)
        text = open_list(li_wei_at_work)

        assert re.findall('field-platform">([^<]*)', text) == ["Official account", "Mini Program"]
        assert 'href="?platform=wecom"' not in text
        assert 'href="?platform=mini_program"' in text
        assert "Brand-A" not in open_list(li_wei_at_work, platform="mini_program")
        assert "Brand-A" in open_list(li_wei_at_work, platform="nonsense")

    def test_a_suite_is_found_by_its_id(self, li_wei_at_work: Client, db: None) -> None:
        make_wecom_app("suite", A, suite_id=SUITE_ID)
        make_wecom_app("other", B)
        text = open_list(li_wei_at_work, q=SUITE_ID)

        assert "Suite" in text
        assert ">Other<" not in text


class TestTheCard:
    def test_a_wecom_app_has_its_path_fields_button_and_effect(
        self, li_wei_at_work: Client, wecom_app: OfficialAccount
    ) -> None:
        text = open_account(li_wei_at_work, wecom_app)
        card = connect_card(text)

        assert "Connect to WeCom" in card
        assert WECOM_APP.menu_path in card
        for source in ("server-url", "corp-id"):
            assert f'data-copy="{source}"' in text
        for words in (
            "Do not press 随机获取",
            "Reveal key",
            "Press Save (保存)",
            "Tick the messages",
        ):
            assert words in card
        for answer in WECOM_APP.answers.values():
            assert answer in card
        for words in ("Enable (启用)", "Submit", "安全模式", "数据格式"):
            assert words not in card
        assert "members get no reply" in card
        set_backend(wecom_app, "https://crm.example.cn/wecom")
        card = connect_card(open_account(li_wei_at_work, wecom_app))
        assert "Messages then go to the backend https://crm.example.cn" in card

    def test_a_suite_is_told_of_its_ticket_and_of_the_providers_corp_id(
        self, li_wei_at_work: Client, db: None
    ) -> None:
        suite = make_wecom_app("suite", A, suite_id=SUITE_ID)
        card = connect_card(open_account(li_wei_at_work, suite))

        for words in (WECOM_SUITE.menu_path, "suite_ticket", "指令回调URL", "Provider's CorpID"):
            assert words in card
        assert "Tick the messages" not in card
        wecom_verifies(suite, A)
        card = connect_card(open_account(li_wei_at_work, suite))
        assert "The next suite_ticket comes within ten minutes." in card

    def test_a_mini_program_is_told_what_its_agents_lose(
        self, li_wei_at_work: Client, mini_program: OfficialAccount
    ) -> None:
        card = connect_card(open_account(li_wei_at_work, mini_program))

        for words in (MINI_PROGRAM.menu_path, "客服小助手", "JSON or XML", "Press Submit (提交)."):
            assert words in card
        assert "auto-replies" not in card
        wechat_verifies(mini_program, B)
        text = open_account(li_wei_at_work, mini_program)
        assert "no message yet" in state_of(text)[2]
        assert "Write to the Mini Program's customer service" in connect_card(text)
        wechat_pushes(mini_program, B)
        card = connect_card(open_account(li_wei_at_work, mini_program))
        assert "users get no reply" in card
        assert "The account's messages arrive here." in card

    def test_a_wecom_app_goes_from_waiting_to_failing_to_verified_to_receiving(
        self, li_wei_at_work: Client, wecom_app: OfficialAccount
    ) -> None:
        waiting = open_account(li_wei_at_work, wecom_app)
        assert state_of(waiting) == ("idle", "Waiting", "WeCom has not called yet")
        assert wecom_verifies(wecom_app, A, corp_id=OTHER_CORP_ID) == 403
        failing = open_account(li_wei_at_work, wecom_app)
        assert state_of(failing)[1] == "Failing"
        assert OTHER_CORP_ID in failing
        assert "here does not fit" not in failing

        assert wecom_verifies(wecom_app, A) == 200
        verified = open_account(li_wei_at_work, wecom_app)
        assert state_of(verified)[1] == "Verified"
        assert "Send the app a message: it arrives here." in connect_card(verified)
        assert wecom_pushes(wecom_app, A) == 200
        receiving = open_account(li_wei_at_work, wecom_app)
        assert state_of(receiving)[1] == "Receiving"
        assert "members get no reply" in connect_card(receiving)

    def test_the_card_promises_nothing_while_calls_are_refused(
        self, li_wei_at_work: Client, wecom_app: OfficialAccount
    ) -> None:
        wecom_verifies(wecom_app, A)
        wecom_pushes(wecom_app, A, corp_id=OTHER_CORP_ID)
        verified = connect_card(open_account(li_wei_at_work, wecom_app))
        assert "The form is saved" not in verified
        wecom_pushes(wecom_app, A)
        wecom_pushes(wecom_app, A, corp_id=OTHER_CORP_ID)
        text = open_account(li_wei_at_work, wecom_app)
        assert state_of(text)[1] == "Failing"
        assert "messages arrive" not in connect_card(text)
        for card in (verified, connect_card(text)):
            assert "The last call was refused: the state above says why." in card

    def test_a_key_that_fits_is_not_accused_if_only_the_corp_id_differs(
        self, li_wei_at_work: Client, wecom_app: OfficialAccount
    ) -> None:
        wecom_verifies(wecom_app, A)
        wecom_pushes(wecom_app, A, corp_id=OTHER_CORP_ID)
        text = open_account(li_wei_at_work, wecom_app)
        assert f"the key fits, but the message is not for the CorpID {CORP_ID}" in text
        assert "decrypts it" not in text
        wecom_pushes(wecom_app, A, key=OTHER_AES_KEY)
        assert "no key that is stored here decrypts it" in open_account(li_wei_at_work, wecom_app)

    @pytest.mark.parametrize("port", ["", ":8443"])
    def test_wecom_calls_any_port(
        self, li_wei_at_work: Client, wecom_app: OfficialAccount, settings: Any, port: str
    ) -> None:
        settings.PUBLIC_URL = f"https://wx.example.cn{port}"

        assert "PUBLIC_URL" not in open_account(li_wei_at_work, wecom_app)

    def test_the_console_of_the_platform_is_quoted_with_an_attempt(
        self, li_wei_at_work: Client, wecom_app: OfficialAccount
    ) -> None:
        for key, words in [
            (OTHER_AES_KEY, "openapi回调地址请求不通过"),
            (AES_KEY, "that the form was saved"),
        ]:
            wecom_verifies(wecom_app, A, key=key)
            attempt = wecom_app.attempts.latest("id")
            text = li_wei_at_work.get(page("verificationattempt_change", attempt.pk)).text
            assert words in text
            assert attempt.echostr in text
            assert "msg_signature" in text
        assert "and the decrypted echostr, which is never recorded" in text
        assert ECHOSTR not in text
