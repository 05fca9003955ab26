"""Messages and echostrs that are decrypted, but end with another AppID, CorpID or SuiteID."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from verification.diagnosis import Explanation, explain
from verification.models import OfficialAccount
from verification.tests.support.adapter import A, last_attempt
from verification.tests.support.messages import AES_KEY, APP_ID, encrypted_push, store_aes_key
from verification.tests.support.requests_by_wecom_cause import W
from verification.tests.support.wecom import (
    CORP_ID,
    OTHER_CORP_ID,
    SUITE_ID,
    make_wecom_app,
    wecom_message,
    wecom_push,
    wecom_verification,
)
from verification.tests.support.wecom_calls import WECHAT, check, send

TEMPLATE_ID, OLD_SUITE_ID = "dk1a2b3c4d5e6f7081", "tj1a2b3c4d5e6f7081"
UNKNOWN_ID = "ww0000000000000000"
CUSTOMER = "If it is a customer's CorpID, the console has this URL as 数据回调URL"


def check_with(corp_id: str) -> Explanation:
    return check(wecom_verification(W, corp_id=corp_id))


def send_with(corp_id: str) -> Explanation:
    """Send a message with this ID, after the key has proved right."""
    own = OfficialAccount.objects.get(slug="shop").app_id
    check(wecom_verification(W, corp_id=own))
    return send(wecom_push(W, wecom_message("hello"), corp_id=corp_id))


def send_encrypted(app_id: str) -> Explanation:
    """Send a message of an official account with this AppID."""
    return send(encrypted_push(A, b"<xml></xml>", app_id=app_id), "/wechat/brand-a")


both = pytest.mark.parametrize("call", [check_with, send_with])


def store(**fields: str) -> None:
    OfficialAccount.objects.filter(slug="shop").update(**fields)


class TestThirdPartyApps:
    @pytest.mark.parametrize("suite_id", [SUITE_ID, TEMPLATE_ID, OLD_SUITE_ID])
    def test_a_missing_suite_id_is_named(self, shop: OfficialAccount, suite_id: str) -> None:
        explanation = send_with(suite_id)

        assert explanation.cause == "message_for_another_app_id"
        assert explanation.what_happened.endswith(
            f"ends with {suite_id}, not with the CorpID {CORP_ID}."
        )
        assert explanation.what_to_do.startswith(
            f"If {suite_id} is the SuiteID of “Shop”, a third-party app (第三方应用), enter it as "
        )
        is_ambiguous = suite_id == SUITE_ID
        assert (CUSTOMER in explanation.what_to_do) == is_ambiguous
        assert ("correct the CorpID" in explanation.what_to_do) == is_ambiguous

    def test_the_data_callback_is_named(self, shop: OfficialAccount) -> None:
        store(suite_id=SUITE_ID)
        explanation = send_with(UNKNOWN_ID)

        assert explanation.what_happened.endswith(
            f"{UNKNOWN_ID}, not with the CorpID {CORP_ID} or the SuiteID {SUITE_ID}."
        )
        assert explanation.what_to_do.startswith(CUSTOMER)
        assert f"If {UNKNOWN_ID} is the SuiteID of “Shop”, correct" in explanation.what_to_do

    def test_a_check_tells_the_providers_corp_id(self, shop: OfficialAccount) -> None:
        store(app_id=OLD_SUITE_ID)
        explanation = check_with(CORP_ID)

        assert explanation.what_to_do.startswith(f"{OLD_SUITE_ID} is a SuiteID: on the page of")
        assert f"If WeCom sent this, that is {CORP_ID}." in explanation.what_to_do

    def test_what_is_stored_as_corp_id_may_be_a_suites(self, shop: OfficialAccount) -> None:
        store(app_id=SUITE_ID)
        to_do = check_with(CORP_ID).what_to_do

        assert to_do.startswith(
            "If WeCom sent it for “Shop”, correct the CorpID on the account's page: WeCom has "
            f"{CORP_ID}. If {SUITE_ID} is the SuiteID of a third-party app (第三方应用), move it"
        )

    def test_a_stored_suite_id_is_not_to_be_moved(self, shop: OfficialAccount) -> None:
        store(suite_id=SUITE_ID)
        to_do = check_with(UNKNOWN_ID).what_to_do

        assert f"WeCom has {UNKNOWN_ID}. If another account's console" in to_do
        assert "move it" not in to_do


class TestOtherAccounts:
    @both
    def test_one_account_that_has_the_id_is_named(
        self,
        shop: OfficialAccount,
        outlet: OfficialAccount,
        call: Callable[[str], Explanation],
    ) -> None:
        explanation = call(OTHER_CORP_ID)

        assert f"{OTHER_CORP_ID}, the ID of “Outlet”, not with" in explanation.what_happened
        assert "correct the CorpID on the account's page" in explanation.what_to_do
        assert f"into its console: {outlet.server_url}." in explanation.what_to_do
        assert explanation.accounts == (shop, outlet)

    @both
    def test_of_many_that_share_a_corp_id_none_is_recommended(
        self, shop: OfficialAccount, call: Callable[[str], Explanation]
    ) -> None:
        for number in range(5):
            make_wecom_app(f"app{number}", f"TokenOfApp{number}", corp_id=OTHER_CORP_ID)
        explanation = call(OTHER_CORP_ID)

        assert "“App0” · “App1” · “App2” and 2 others" in explanation.what_happened
        assert "App" not in explanation.what_to_do.replace("AppID", "")
        assert f"WeCom has {OTHER_CORP_ID}." in explanation.what_to_do

    def test_accounts_of_other_platforms_do_not_count(
        self, shop: OfficialAccount, brand_a: OfficialAccount
    ) -> None:
        OfficialAccount.objects.filter(pk=brand_a.pk).update(app_id=APP_ID)

        assert check_with(APP_ID).accounts == (shop,)


class TestOwnIds:
    @both
    def test_capital_letters_are_named(
        self, shop: OfficialAccount, call: Callable[[str], Explanation]
    ) -> None:
        call(OTHER_CORP_ID)
        store(app_id=OTHER_CORP_ID.upper().replace("WW", "ww"))
        to_do = explain(last_attempt()).what_to_do

        assert to_do.startswith("Only capital letters differ. Correct the ID on the page of “Shop”")

    @both
    def test_a_bot_sends_no_id(
        self, shop: OfficialAccount, call: Callable[[str], Explanation]
    ) -> None:
        for corp_id in ("", "wp" + "x" * 30):
            explanation = call(corp_id)

            assert explanation.what_happened.endswith(
                f"does not end with the CorpID {CORP_ID}, nor with another ID of the usual form."
            )
            assert "A bot (智能机器人)" in explanation.what_to_do

    def test_a_corrected_id_means_to_send_a_message_again(self, shop: OfficialAccount) -> None:
        send_with(OTHER_CORP_ID)
        store(app_id=OTHER_CORP_ID)
        explanation = explain(last_attempt())

        assert f"ends with {OTHER_CORP_ID}, which “Shop” has now." in explanation.what_happened
        assert explanation.what_to_do.startswith("If a script or tool of yours sent it, send it")

    def test_a_corrected_app_id_means_to_send_a_message_again(
        self, brand_a: OfficialAccount
    ) -> None:
        store_aes_key(brand_a, AES_KEY)
        body, query = encrypted_push(A, b"<xml></xml>")
        WECHAT.post(f"/wechat/brand-a?{query}", body, content_type="text/xml")
        assert send_encrypted("wx0123456789abcdef").what_to_do.startswith(
            "If WeChat sent it for “Brand-A”, correct the AppID on the account's page: WeChat has "
            "wx0123456789abcdef. If another account's console has this URL, token"
        )

        OfficialAccount.objects.filter(pk=brand_a.pk).update(app_id="wx0123456789abcdef")
        explanation = explain(last_attempt())
        assert explanation.what_happened == (
            "What was encrypted ends with wx0123456789abcdef, which “Brand-A” has now. It had "
            "another ID then."
        )
        assert "not with" not in explanation.full_text
