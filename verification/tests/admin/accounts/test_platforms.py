"""Accounts of each platform: the form, the list, and the card that connects them."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from verification.admin.audit_log.change_details import describe
from verification.models import AESKey, OfficialAccount
from verification.protocol.console import MINI_PROGRAM, WECOM_APP, WECOM_SUITE
from verification.protocol.encryption import AES_KEY_PATTERN
from verification.protocol.enums import Platform
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import (
    UNCHANGED,
    add,
    current_secret,
    errors,
    last_event,
    open_account,
    open_list,
    page,
    press,
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
    store_wecom_key,
)

OFFICIAL, MINI, WECOM = (str(platform.value) for platform in Platform)
WECOM_FORM = {"platform": WECOM, "app_id": CORP_ID, "aes_key_source": "generate"}


@pytest.fixture
def wecom_app(db: None) -> OfficialAccount:
    return make_wecom_app("service", A)


@pytest.fixture
def mini_program(db: None) -> OfficialAccount:
    return make_account("shop", B, platform=Platform.MINI_PROGRAM.value)


def current_key(account: OfficialAccount) -> str:
    key = AESKey.objects.get(account=account, superseded_at=None)
    assert key.secret is not None
    return key.secret.reveal()


def connect_card(text: str) -> str:
    """Return the card that connects the account, without markup."""
    card = text.partition('id="connect"')[2].partition('id="backend-card"')[0]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", card)).split())


class TestAdding:
    def test_a_wecom_app_gets_token_and_key_and_both_are_shown_once(
        self, li_wei_at_work: Client
    ) -> None:
        answer = add(li_wei_at_work, **WECOM_FORM)
        account = OfficialAccount.objects.get()
        key = current_key(account)

        assert (account.platform, account.app_id) == (Platform.WECOM, CORP_ID)
        assert AES_KEY_PATTERN.fullmatch(key)
        for secret in (current_secret(account), key):
            assert answer.text.count(secret) == 1
            assert secret not in open_account(li_wei_at_work, account)
        [(url, _status)] = answer.redirect_chain
        again = li_wei_at_work.get(url).text
        assert key not in again
        assert wecom_verifies(account, current_secret(account), key=key) == 200

    def test_what_the_console_already_has_is_taken_as_it_is(self, li_wei_at_work: Client) -> None:
        form = {**WECOM_FORM, "aes_key_source": "enter", "aes_key": AES_KEY, "suite_id": SUITE_ID}
        add(li_wei_at_work, token="TokenOfTheOldConsole", **form)
        account = OfficialAccount.objects.get()

        assert account.suite_id == SUITE_ID
        assert wecom_verifies(account, "TokenOfTheOldConsole") == 200

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"app_id": ""}, "Enter the CorpID (企业ID)"),
            ({"app_id": "1000002"}, "This is an AgentId."),
            ({"suite_id": "1000002"}, "A SuiteID is"),
            ({"aes_key_source": "enter"}, "Enter the EncodingAESKey, or let one be generated."),
            ({"aes_key_source": "enter", "aes_key": "short"}, "This is too short"),
            ({"platform": OFFICIAL}, "This is a CorpID (企业ID), which only a WeCom app has."),
            ({"platform": MINI, "app_id": "", "suite_id": SUITE_ID}, "Only a WeCom app has"),
            ({"platform": "9"}, "Select a valid choice."),
        ],
    )
    def test_what_does_not_fit_the_platform_is_refused_in_a_sentence(
        self, li_wei_at_work: Client, changes: dict[str, str], sentence: str
    ) -> None:
        assert sentence in html.unescape(errors(add(li_wei_at_work, **{**WECOM_FORM, **changes})))
        assert not OfficialAccount.objects.exists()

    def test_a_corp_id_of_another_shape_is_taken_with_a_warning(
        self, li_wei_at_work: Client
    ) -> None:
        answer = add(li_wei_at_work, **{**WECOM_FORM, "app_id": "wpAbCdEfGhIjKlMnOpQrSt"})
        assert "is not shaped like a CorpID" in answer.text

        [account] = OfficialAccount.objects.all()
        answer = TestChanging().change(li_wei_at_work, account, name="Service")
        assert "is not shaped like a CorpID" not in answer.text

    @pytest.mark.parametrize("platform", [OFFICIAL, MINI])
    def test_other_platforms_are_asked_for_no_key(
        self, li_wei_at_work: Client, platform: str
    ) -> None:
        answer = add(li_wei_at_work, platform=platform, aes_key_source="enter", aes_key="short")

        assert not errors(answer)
        assert OfficialAccount.objects.get().platform == int(platform)
        assert not AESKey.objects.exists()

    def test_a_form_without_a_platform_is_about_an_official_account(
        self, li_wei_at_work: Client
    ) -> None:
        add(li_wei_at_work)

        assert OfficialAccount.objects.get().platform == Platform.OFFICIAL_ACCOUNT

    def test_the_form_has_the_fields_of_all_platforms_and_says_whose_they_are(
        self, li_wei_at_work: Client
    ) -> None:
        text = li_wei_at_work.get(page("officialaccount_add")).text

        assert re.search(r'name="platform" value="1"[^>]* checked', text)
        for name in ("app_id", "suite_id", "aes_key_source", "aes_key", "original_id"):
            assert f'name="{name}"' in text
        assert '<span class="of-wechat">AppID</span>' in text
        assert '<span class="of-wecom">CorpID (企业ID)</span>' in text


class TestChanging:
    def change(self, client: Client, account: OfficialAccount, **form: str) -> Any:
        own = {**UNCHANGED, "slug": account.slug, "name": account.name, "app_id": account.app_id}
        return press(client, "verification_officialaccount_change", account.pk, **{**own, **form})

    def test_the_platform_can_be_corrected_until_it_has_called(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        self.change(li_wei_at_work, brand_a, platform=WECOM, app_id=CORP_ID)
        brand_a.refresh_from_db()
        assert brand_a.is_wecom
        text = open_account(li_wei_at_work, brand_a)
        change = last_event()
        assert change.facts["changes"]["platform"] == [1, 3]
        assert "platform: Official account → WeCom app" in describe(change)
        assert state_of(text)[2] == "No EncodingAESKey yet"
        assert "Save the EncodingAESKey here before you press Save (保存) there." in text

        store_wecom_key(brand_a, AES_KEY)
        assert wecom_verifies(brand_a, A) == 200
        text = open_account(li_wei_at_work, brand_a)
        assert 'name="platform"' not in text
        assert 'name="original_id"' not in text
        assert "It cannot change once the platform has called successfully." in text
        self.change(li_wei_at_work, brand_a, platform=OFFICIAL)
        brand_a.refresh_from_db()
        assert brand_a.is_wecom

    def test_a_form_without_a_platform_leaves_it(
        self, li_wei_at_work: Client, wecom_app: OfficialAccount
    ) -> None:
        self.change(li_wei_at_work, wecom_app, name="Service")
        wecom_app.refresh_from_db()

        assert (wecom_app.name, wecom_app.platform) == ("Service", Platform.WECOM)

    def test_an_account_of_wechat_has_no_suite(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        text = open_account(li_wei_at_work, brand_a)

        assert 'name="suite_id"' not in text
        assert 'name="original_id"' in text

    def test_the_key_of_a_wecom_app_is_rotated_and_never_retired(
        self, li_wei_at_work: Client, wecom_app: OfficialAccount
    ) -> None:
        text = open_account(li_wei_at_work, wecom_app)
        key = wecom_app.aes_keys.get()
        assert reverse("admin:retire_aes_key", args=[wecom_app.pk, key.pk]) not in text
        answer = press(li_wei_at_work, "retire_aes_key", wecom_app.pk, key.pk)
        assert "which the account needs. Rotate it instead." in answer.text

        form = {"replaces": str(key.pk), "aes_key_source": "generate"}
        answer = press(li_wei_at_work, "rotate_aes_key", wecom_app.pk, **form)
        assert "Paste the new one into WeCom&#x27;s console and press Save (保存)." in answer.text
        assert answer.text.count(current_key(wecom_app)) == 1
        assert 'id="aes-key" class="value secret"' in answer.text.partition('id="token-card"')[0]


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
        assert "The EncodingAESKey here does not fit" not in failing

        assert wecom_verifies(wecom_app, A) == 200
        verified = open_account(li_wei_at_work, wecom_app)
        assert state_of(verified)[1] == "Verified"
        assert "Send the app a message: it arrives here." in connect_card(verified)
        assert wecom_pushes(wecom_app, A) == 200
        receiving = open_account(li_wei_at_work, wecom_app)
        assert state_of(receiving)[1] == "Receiving"
        assert "members get no reply" in connect_card(receiving)

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
