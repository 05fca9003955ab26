"""Forms that no page of the admin sends: stale ones, and forged ones."""

from __future__ import annotations

import html
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from verification.models import AESKey, ChangeEvent, OfficialAccount
from verification.protocol.enums import Platform
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import (
    UNCHANGED,
    call,
    errors,
    page,
    press,
    wechat_verifies,
    wecom_verifies,
)
from verification.tests.support.messages import AES_KEY, APP_ID
from verification.tests.support.wecom import CORP_ID, OTHER_CORP_ID, SUITE_ID, make_wecom_app

WECOM = str(Platform.WECOM.value)
ADDED = {
    "platform": WECOM,
    "name": "Brand C",
    "slug": "brand-c",
    "app_id": CORP_ID,
    "suite_id": SUITE_ID,
    "original_id": "",
    "notes": "",
    "answers_at_root": "on",
    "token_source": "enter",
    "token": A,
    "aes_key_source": "enter",
    "aes_key": AES_KEY,
}
#: What a forged form has instead of a field; None leaves it out.
FORGED = [None, "", "zzz", "9" * 30, "\0"]


def change(client: Client, account: OfficialAccount, **form: str) -> Any:
    own = {**UNCHANGED, "slug": account.slug, "name": account.name, "app_id": account.app_id}
    return press(client, "verification_officialaccount_change", account.pk, **{**own, **form})


class TestStaleForms:
    @pytest.mark.parametrize("platform", [Platform.OFFICIAL_ACCOUNT, Platform.MINI_PROGRAM])
    def test_a_form_from_before_the_first_call_changes_nothing_of_a_live_wecom_app(
        self, li_wei_at_work: Client, db: None, platform: Platform
    ) -> None:
        app = make_wecom_app("service", A)
        assert wecom_verifies(app, A) == 200
        answer = change(
            li_wei_at_work, app, platform=str(platform.value), app_id=APP_ID, name="New"
        )

        assert "The platform cannot change, because it has called" in answer.text
        app.refresh_from_db()
        assert (app.app_id, app.name) == (CORP_ID, "Service")
        assert not ChangeEvent.objects.filter(action="account_changed").exists()
        assert wecom_verifies(app, A) == 200

    def test_nor_of_a_live_official_account(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        assert wechat_verifies(brand_a, A) == 200
        answer = change(li_wei_at_work, brand_a, platform=WECOM, app_id=CORP_ID)

        assert "The platform cannot change" in answer.text
        brand_a.refresh_from_db()
        assert brand_a.app_id == ""

    def test_one_with_the_platform_that_is_fixed_now_is_saved(
        self, li_wei_at_work: Client, db: None
    ) -> None:
        app = make_wecom_app("service", A)
        assert wecom_verifies(app, A) == 200
        change(li_wei_at_work, app, platform=WECOM, app_id=OTHER_CORP_ID)

        app.refresh_from_db()
        assert app.app_id == OTHER_CORP_ID

    def test_one_from_before_the_first_call_changes_no_slug_and_says_so(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        call(brand_a.server_path, "WrongToken1234567")
        answer = change(li_wei_at_work, brand_a, slug="other", name="Brand A")

        said = "The slug cannot change: the server URL of Brand-A has been called."
        assert said in answer.text
        brand_a.refresh_from_db()
        assert (brand_a.slug, brand_a.name) == ("brand-a", "Brand-A")

    def test_one_with_the_slug_that_is_fixed_now_is_saved(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        call(brand_a.server_path, "WrongToken1234567")
        change(li_wei_at_work, brand_a, slug=" brand-a ", name="Brand A")

        brand_a.refresh_from_db()
        assert (brand_a.slug, brand_a.name) == ("brand-a", "Brand A")


class TestForgedForms:
    @pytest.mark.parametrize("value", FORGED)
    @pytest.mark.parametrize("name", ADDED)
    @pytest.mark.parametrize("platform", Platform)
    def test_an_account_is_added_with_what_it_needs_or_not_at_all(
        self, li_wei_at_work: Client, db: None, platform: Platform, name: str, value: str | None
    ) -> None:
        form = {**ADDED, "platform": str(platform.value), name: value}
        if platform is not Platform.WECOM:
            form = {**form, "app_id": APP_ID, "suite_id": "", name: value}
        sent = {key: text for key, text in form.items() if text is not None}
        answer = li_wei_at_work.post(page("officialaccount_add"), sent)

        account = OfficialAccount.objects.first()
        assert (answer.status_code, bool(errors(answer))) == (
            (302, False) if account else (200, True)
        )
        if account is not None and account.is_wecom:
            assert AESKey.objects.filter(account=account).exists()

    @pytest.mark.parametrize("value", ["", "zzz", "9"])
    def test_a_platform_that_is_no_choice_is_refused(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, value: str
    ) -> None:
        answer = change(li_wei_at_work, brand_a, platform=value, name="New")
        sentence = "Select a valid choice." if value else "This field is required."
        assert sentence in html.unescape(errors(answer))
        brand_a.refresh_from_db()
        assert (brand_a.name, brand_a.platform) == ("Brand-A", Platform.OFFICIAL_ACCOUNT)

        answer = li_wei_at_work.post(page("officialaccount_add"), {**ADDED, "platform": value})
        assert sentence in html.unescape(errors(answer))
        assert OfficialAccount.objects.count() == 1

    @pytest.mark.parametrize("value", FORGED)
    @pytest.mark.parametrize("name", [*ADDED])
    def test_an_account_is_changed_or_the_form_has_errors(
        self, li_wei_at_work: Client, db: None, name: str, value: str | None
    ) -> None:
        app = make_wecom_app("service", A)
        sent = {key: text for key, text in {**ADDED, name: value}.items() if text is not None}
        url = reverse("admin:verification_officialaccount_change", args=[app.pk])
        answer = li_wei_at_work.post(url, sent)

        assert bool(errors(answer)) == (answer.status_code == 200)
        assert answer.status_code in {200, 302}
        assert li_wei_at_work.get(url).status_code == 200

    @pytest.mark.parametrize("value", FORGED)
    @pytest.mark.parametrize(
        "name", ["replaces", "aes_key_source", "aes_key", "app_id", "keep_old"]
    )
    def test_a_key_is_rotated_or_the_form_has_errors(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, name: str, value: str | None
    ) -> None:
        form = {"replaces": "0", "aes_key_source": "enter", "aes_key": AES_KEY, "app_id": APP_ID}
        sent = {key: text for key, text in {**form, name: value}.items() if text is not None}
        answer = li_wei_at_work.post(reverse("admin:rotate_aes_key", args=[brand_a.pk]), sent)

        assert answer.status_code == (302 if AESKey.objects.exists() else 200)

    @pytest.mark.parametrize("value", FORGED)
    @pytest.mark.parametrize("name", ["url", "on_failure", "retention_days", "forwards_decrypted"])
    def test_a_backend_is_set_or_the_form_has_errors(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, name: str, value: str | None
    ) -> None:
        form = {
            "url": "https://crm.example.cn/",
            "on_failure": "resend",
            "retention_days": "3",
            "forwards_decrypted": "",
        }
        sent = {key: text for key, text in {**form, name: value}.items() if text is not None}
        answer = li_wei_at_work.post(reverse("admin:set_backend", args=[brand_a.pk]), sent)

        assert answer.status_code == (302 if hasattr(brand_a, "backend") else 200)
