"""Accounts of each platform: adding and changing them."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from verification.admin.audit_log.change_details import describe
from verification.models import AESKey, OfficialAccount
from verification.protocol.encryption import AES_KEY_PATTERN
from verification.protocol.enums import Platform
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import (
    UNCHANGED,
    add,
    current_secret,
    errors,
    last_event,
    open_account,
    page,
    press,
    state_of,
    wechat_verifies,
    wecom_verifies,
)
from verification.tests.support.messages import AES_KEY
from verification.tests.support.wecom import (
    CORP_ID,
    SUITE_ID,
    store_wecom_key,
)

OFFICIAL, MINI, WECOM = (str(platform.value) for platform in Platform)
WECOM_FORM = {"platform": WECOM, "app_id": CORP_ID, "aes_key_source": "generate"}


def current_key(account: OfficialAccount) -> str:
    key = AESKey.objects.get(account=account, superseded_at=None)
    assert key.secret is not None
    return key.secret.reveal()


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
            ({"aes_key_source": "nonsense"}, "Select a valid choice."),
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
