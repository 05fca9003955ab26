"""WeCom's URL verifications, whose msg_signature covers the encrypted echostr."""

from __future__ import annotations

import time
from datetime import timedelta
from urllib.parse import quote, urlencode

import pytest
from django.test import Client

from verification.accounts.tokens import rotate_token
from verification.diagnosis import explain
from verification.models import OfficialAccount
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import B, last_attempt
from verification.tests.support.messages import AES_KEY, OTHER_AES_KEY, encrypt
from verification.tests.support.requests_by_wecom_cause import W, encrypted_echostr
from verification.tests.support.wecom import (
    CORP_ID,
    SUITE_ID,
    make_wecom_app,
    wecom_verification,
)
from verification.tests.support.wecom_calls import (
    NONCE,
    TIMESTAMP,
    V,
    check,
    signed_over,
    signed_with,
)


class TestTokens:
    def test_causes_of_a_token_compare_the_echostr_as_well(
        self, shop: OfficialAccount, outlet: OfficialAccount
    ) -> None:
        rotate_token(shop, "NewTokenOfTheShop77", LI_WEI, keep_old=timedelta(0))
        retired = check(wecom_verification(W))
        assert retired.cause == "token_retired"
        assert retired.what_happened.startswith("WeCom still uses the token of “Shop”")
        assert retired.what_to_do.endswith("into the console and press Save (保存).")

        others = check(wecom_verification(V))
        assert others.cause == "token_of_another_account"
        assert "or the server URL of “Outlet” into that console" in others.what_to_do

    def test_the_url_of_another_platforms_account_is_not_recommended(
        self, shop: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        explanation = check(wecom_verification(B))

        assert explanation.cause == "token_of_another_account"
        assert explanation.what_to_do.startswith("Put the token of “Shop” into that console, or")

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            (W[:-1], "the token of “Shop”, but with characters missing"),
            (W.lower(), "the token of “Shop”, but with upper and lower case mixed up"),
            (f"{W}\n", "the token of “Shop”, but with a line break"),
            (CORP_ID, "the CorpID of “Shop”"),
            (SUITE_ID, "the SuiteID of “Shop”"),
            (AES_KEY, "the EncodingAESKey of “Shop”"),
            ("your_token", "a placeholder"),
        ],
    )
    def test_mistakes_with_a_token_are_found(
        self, shop: OfficialAccount, text: str, words: str
    ) -> None:
        OfficialAccount.objects.update(suite_id=SUITE_ID)

        assert words in check(signed_with(text)).what_happened

    @pytest.mark.parametrize(
        ("parts", "words"),
        [
            ((TIMESTAMP, NONCE, W), "without the echostr, which WeCom signs as well"),
            ((W, TIMESTAMP, NONCE, "echostr"), "in another order"),
            ((TIMESTAMP, ",", NONCE, ",", W, ",", "echostr"), "with a separator"),
            ((TIMESTAMP,), ""),
        ],
    )
    def test_other_ways_to_sign_are_found(
        self, shop: OfficialAccount, parts: tuple[str, ...], words: str
    ) -> None:
        explanation = check(signed_over(*parts))

        assert words in explanation.what_happened
        assert explanation.cause == ("signed_differently" if words else "token_unknown")
        if words:
            assert "WeCom never signs like this" in explanation.what_to_do
            assert "the plain echostr as text" in explanation.what_to_do

    def test_an_echostr_that_was_signed_percent_encoded_is_found(
        self, shop: OfficialAccount
    ) -> None:
        text = encrypted_echostr("+")
        encoded = quote(text, safe="")
        parts = sorted([W, TIMESTAMP, NONCE, encoded])

        assert "with the echostr in another form" in (
            check(signed_over(*parts, echostr=text)).what_happened
        )

    def test_an_unknown_token_says_where_else_the_url_may_stand(
        self, shop: OfficialAccount
    ) -> None:
        explanation = check(wecom_verification("Nonsense"))

        assert explanation.cause == "token_unknown"
        assert "Each form of WeCom's console that has a URL" in explanation.what_to_do
        assert "the encrypted text as text" in explanation.what_to_do

    def test_a_signature_that_is_used_again_is_found(self, shop: OfficialAccount) -> None:
        query = wecom_verification("Nonsense")
        check(query)
        explanation = check(query.replace("echostr=", "echostr=AAAA"))

        assert explanation.cause == "signature_reused"
        assert "with another timestamp, nonce or echostr" in explanation.what_happened


class TestEchostr:
    @pytest.mark.parametrize(
        ("original", "changed", "words"),
        [
            ("%2B", "%252B", "it was percent-encoded twice"),
            ("%2B", "-", "+ and / in it have become - and _"),
            ("%3D", "", "it has lost the = at its end"),
        ],
    )
    def test_what_was_changed_is_named(
        self, shop: OfficialAccount, original: str, changed: str, words: str
    ) -> None:
        query = wecom_verification(W, encrypted=encrypted_echostr("+"))
        explanation = check(query.replace(original, changed))

        assert explanation.cause == "echostr_changed"
        assert words in explanation.what_happened
        assert explanation.signed_with == shop.current_token

    def test_an_address_in_small_letters_is_recognized(self, shop: OfficialAccount) -> None:
        explanation = check(wecom_verification(W).lower())

        assert explanation.cause == "echostr_damaged"
        assert "no capital letters" in explanation.what_happened

    def test_it_may_be_signed_with_another_accounts_token(
        self, shop: OfficialAccount, outlet: OfficialAccount
    ) -> None:
        query = wecom_verification(V, encrypted=encrypted_echostr("+"))
        explanation = check(query.replace("%2B", "%20"))

        assert "the token of “Outlet”" in explanation.what_happened
        assert "The URL belongs to “Shop”." in explanation.what_happened

    @pytest.mark.parametrize(
        ("echostr", "cause"),
        [
            ("1234567890", "token_unknown"),
            ("hello", "token_unknown"),
            ("hello world", "parameter_malformed"),
        ],
    )
    def test_a_made_up_echostr_is_not_said_to_be_damaged(
        self, shop: OfficialAccount, echostr: str, cause: str
    ) -> None:
        sent = {"msg_signature": "a1" * 20, "timestamp": TIMESTAMP, "nonce": NONCE}
        explanation = check(f"{urlencode(sent)}&echostr={quote(echostr)}")

        assert explanation.cause == cause
        assert "stranger" in explanation.what_to_do

    @pytest.mark.parametrize(("age", "cause"), [(5, "echostr_damaged"), (9000, "copied_request")])
    def test_an_echostr_is_damaged_if_time_or_sender_are_wecoms(
        self, shop: OfficialAccount, age: int, cause: str
    ) -> None:
        query = wecom_verification(W, timestamp=str(int(time.time()) - age)).lower()
        Client(headers={"User-Agent": "proxy/1"}).get(f"/wechat/shop?{query}")

        assert explain(last_attempt()).cause == cause

    def test_the_account_that_has_the_key_is_named(
        self, shop: OfficialAccount, outlet: OfficialAccount
    ) -> None:
        explanation = check(wecom_verification(W, key=OTHER_AES_KEY))

        assert explanation.what_happened == (
            "This was encrypted with the EncodingAESKey of “Outlet”."
        )
        assert explanation.accounts == (shop, outlet)

    def test_the_key_of_another_account_confirms_nothing_about_a_message(
        self, shop: OfficialAccount, outlet: OfficialAccount
    ) -> None:
        """A message, or one for an ID that is not stored, is not said to be decrypted."""
        message = encrypt(b"<xml/>", key=OTHER_AES_KEY, app_id=CORP_ID)
        unknown = encrypt(b"12", key=OTHER_AES_KEY, app_id="ww0000000000000000")

        for text in (message, unknown):
            assert check(wecom_verification(W, encrypted=text)).cause == "echostr_undecryptable"

    @pytest.mark.parametrize(
        ("encrypted", "words"),
        [
            ("AAAA=A", "is not base64"),
            ("AAAA", "is too short, or was cut"),
            (encrypt(b"<xml/>", app_id=CORP_ID), "what was encrypted is no echostr"),
        ],
    )
    def test_an_echostr_that_wecom_would_not_send(
        self, shop: OfficialAccount, encrypted: str, words: str
    ) -> None:
        explanation = check(wecom_verification(W, encrypted=encrypted))

        assert explanation.cause == "echostr_undecryptable"
        assert words in explanation.what_happened
        assert explanation.what_to_do.startswith("WeCom sends no such echostr")

    def test_what_is_missing_is_named(self, db: None) -> None:
        app = make_wecom_app("shop", W, corp_id="", key="")
        both = check(wecom_verification(W)).what_to_do
        OfficialAccount.objects.filter(pk=app.pk).update(app_id=CORP_ID)
        key = explain(last_attempt()).what_to_do

        assert both.startswith("Enter the CorpID (企业ID) and the console's EncodingAESKey")
        assert key.startswith("Enter the console's EncodingAESKey")
