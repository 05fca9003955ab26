"""WeCom's pushes, and calls that are signed as another platform than the account's signs."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client

from verification.accounts.tokens import rotate_token
from verification.diagnosis import explain, remark_on
from verification.models import OfficialAccount, VerificationAttempt
from verification.protocol.enums import Platform
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, last_attempt
from verification.tests.support.messages import encrypted_push
from verification.tests.support.requests_by_wecom_cause import W
from verification.tests.support.signer import push, verification
from verification.tests.support.wecom import (
    make_wecom_app,
    wecom_message,
    wecom_push,
    wecom_verification,
)
from verification.tests.support.wecom_calls import (
    NONCE,
    check,
    send,
    sha1,
)


class TestPlatforms:
    def test_the_wecom_app_whose_token_signed_is_named(
        self, brand_a: OfficialAccount, shop: OfficialAccount
    ) -> None:
        explanation = check(wecom_verification(W), "/wechat/brand-a")

        assert explanation.what_happened.endswith("This was signed with the token of “Shop”.")
        assert explanation.what_to_do.startswith("Put the server URL of “Shop” into WeCom's")
        assert shop.server_url in explanation.what_to_do
        assert explanation.accounts == (brand_a, shop)

    def test_the_accounts_own_token_means_that_its_platform_is_wrong(
        self, brand_a: OfficialAccount
    ) -> None:
        explanation = check(wecom_verification(A), "/wechat/brand-a")

        assert explanation.cause == "call_of_wecom"
        assert explanation.signed_with == brand_a.current_token
        assert "If “Brand-A” is a WeCom app, choose that platform" in explanation.what_to_do
        assert "stranger" not in explanation.what_to_do

    def test_a_push_of_wecoms_to_a_mini_program(self, db: None) -> None:
        make_account("brand-a", A, platform=Platform.MINI_PROGRAM.value)
        explanation = send(wecom_push(A, wecom_message("hello")), "/wechat/brand-a")

        assert explanation.cause == "call_of_wecom"
        assert "“Brand-A” is a Mini Program." in explanation.what_happened

    @pytest.mark.parametrize("is_push", [False, True])
    def test_the_official_account_whose_token_signed_is_named(
        self, brand_a: OfficialAccount, shop: OfficialAccount, is_push: bool
    ) -> None:
        explanation = send((b"<xml/>", push(A))) if is_push else check(verification(A))

        assert explanation.cause == "call_to_wecom_app"
        assert explanation.what_happened.endswith("This was signed with the token of “Brand-A”.")
        assert "Put the server URL of “Brand-A” into its console: " in explanation.what_to_do

    def test_an_encrypted_push_to_a_wecom_app(self, shop: OfficialAccount) -> None:
        assert send(encrypted_push(W, b"<xml/>")).cause == "call_to_wecom_app"

    def test_at_the_bare_domain_only_wecom_apps_answer_wecom(
        self, brand_a: OfficialAccount
    ) -> None:
        explanation = check(wecom_verification("Nonsense"), "/")

        assert explanation.cause == "no_account_at_root"
        assert explanation.what_happened.startswith("No WeCom app accepted calls at the bare")

    def test_at_the_bare_domain_wecom_apps_do_not_answer_wechat(
        self, shop: OfficialAccount
    ) -> None:
        assert check(verification("Nonsense"), "/").what_happened.startswith("Only WeCom apps")
        explanation = check(verification(W), "/")
        assert explanation.cause == "other_platform_at_root"
        assert "the token of “Shop”, a WeCom app" in explanation.what_happened

    def test_at_the_bare_domain_a_token_of_both_platforms_is_compared_with_its_own(
        self, brand_a: OfficialAccount, shop: OfficialAccount
    ) -> None:
        rotate_token(shop, A, LI_WEI, keep_old=timedelta(0))

        assert check(wecom_verification(A), "/").cause == "accepted"
        assert check(wecom_verification(W), "/").cause == "token_retired"


class TestPushes:
    def test_a_signature_without_the_message_is_named(self, shop: OfficialAccount) -> None:
        body, _query = wecom_push(W, wecom_message("hello"), nonce=NONCE)
        signature = sha1("".join(sorted([W, "1409659813", NONCE])))
        sent = {"msg_signature": signature, "timestamp": "1409659813", "nonce": NONCE}
        explanation = send((body, urlencode(sent)))

        assert explanation.cause == "wecom_message_mismatch"
        assert "token of “Shop”, but without the text of Encrypt" in explanation.what_happened

    def test_at_the_bare_domain_nothing_is_said_of_other_tokens(
        self, shop: OfficialAccount
    ) -> None:
        explanation = send(wecom_push("Nonsense", wecom_message("hello")), "/")

        assert explanation.what_happened.startswith("No token of a WeCom app that accepts calls")

    @pytest.mark.parametrize("path", ["/wechat/shpo", "/wechat/nobody"])
    def test_at_an_unknown_path_nothing_is_said_of_the_signature(
        self, shop: OfficialAccount, path: str
    ) -> None:
        explanation = send(wecom_push(W, wecom_message("hello")), path)

        assert explanation.cause == "path_unknown"
        assert "signature" not in explanation.what_happened

    @pytest.mark.parametrize("agent", ["Mozilla/4.0", "curl/8.4.0"])
    def test_an_old_message_is_not_called_a_copy(self, shop: OfficialAccount, agent: str) -> None:
        body, query = wecom_push("Nonsense", wecom_message("hello"))
        Client(headers={"User-Agent": agent}).post(
            f"/wechat/shop?{query}", body, content_type="text/xml"
        )

        assert explain(last_attempt()).cause == "wecom_message_mismatch"


class TestWords:
    @pytest.mark.parametrize("platform", Platform)
    def test_only_official_accounts_are_enabled(self, db: None, platform: Platform) -> None:
        make_wecom_app("shop", W)
        OfficialAccount.objects.update(platform=platform.value)
        is_wecom = platform is Platform.WECOM
        explanation = check(wecom_verification(W) if is_wecom else verification(W))

        assert explanation.cause == "accepted"
        is_official = platform is Platform.OFFICIAL_ACCOUNT
        assert ("Enable (启用)" in explanation.what_to_do) == is_official

    def test_a_lost_parameter_has_the_platforms_name(self, shop: OfficialAccount) -> None:
        assert "msg_signature, timestamp, nonce, echostr" in check("").what_happened
        partial = check("msg_signature=" + "a" * 40 + "&timestamp=1").what_happened
        assert partial == (
            "Only msg_signature, timestamp arrived, without nonce, echostr. WeCom always sends all "
            "of them."
        )

    def test_the_platform_is_named_whose_proxy_loses_parameters(
        self, shop: OfficialAccount, brand_a: OfficialAccount
    ) -> None:
        query = "msg_signature=" + "a" * 40 + "&timestamp=1"
        assert "If WeCom sent it, check which proxy" in check(query).what_to_do
        query = "signature=" + "a" * 40 + "&timestamp=1"
        explanation = check(query, "/wechat/brand-a")
        assert "WeChat always sends all of them." in explanation.what_happened
        assert "If WeChat sent it, check which proxy" in explanation.what_to_do

    def test_a_slow_answer_is_one_of_half_a_second(self, shop: OfficialAccount) -> None:
        check(wecom_verification(W))
        attempt = last_attempt()
        attempt.duration = 600_000

        texts = {remark.name: remark.text for remark in remark_on(attempt)}
        assert texts["slow_answer"].startswith("We took 0.6 s to answer; WeCom waits one second.")
        assert "openapi回调地址请求不通过" in texts["console_may_complain"]

    def test_another_echostr_is_another_request(self, shop: OfficialAccount) -> None:
        query = wecom_verification(W)
        check(query)
        check(query.replace("echostr=", "echostr=AAAA"))
        assert "repeat" not in {remark.name for remark in remark_on(last_attempt())}

        check(query)
        assert "repeat" in {remark.name for remark in remark_on(last_attempt())}

    def test_the_record_names_the_signature(
        self, shop: OfficialAccount, brand_a: OfficialAccount
    ) -> None:
        check(wecom_verification(W))
        check(verification(A), "/wechat/brand-a")
        check("")
        attempts = VerificationAttempt.objects.order_by("id")

        names = [attempt.as_record()["signature_name"] for attempt in attempts]
        assert names == ["msg_signature", "signature", None]
