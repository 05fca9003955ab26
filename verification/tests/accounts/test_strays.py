"""Calls to an address of no account that were meant for an account."""

from __future__ import annotations

from django.test import Client

from verification.accounts.levels import Level
from verification.models import OfficialAccount
from verification.models.noise import WECHAT_USER_AGENT
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import (
    wechat_goes_astray,
    wechat_verifies,
)
from verification.tests.support.statuses import status_of


class TestLostQuery:
    """A call with WeChat's user agent, but without a query string."""

    def test_nobody_is_told_that_wechat_has_not_called(self, brand_a: OfficialAccount) -> None:
        Client(headers={"User-Agent": WECHAT_USER_AGENT}).get(brand_a.server_path)
        Client(headers={"User-Agent": "curl/8.5"}).get(brand_a.server_path)
        status = status_of(brand_a)

        assert status.level is Level.WAITING
        assert status.text.startswith("WeChat may have called at ")
        assert "has probably removed the query string" in status.advice
        assert status.attempt is not None
        assert status.attempt.pk == 1
        assert status_of(brand_a, in_hours=24.1).text == "WeChat has not called yet"
        wechat_verifies(brand_a, A)
        Client(headers={"User-Agent": WECHAT_USER_AGENT}).get(brand_a.server_path)
        assert status_of(brand_a).level is Level.VERIFIED
        assert "query string" not in status_of(brand_a).text

    def test_a_token_that_is_missing_comes_first(self, db: None) -> None:
        account = make_account("empty")
        Client(headers={"User-Agent": WECHAT_USER_AGENT}).get(account.server_path)

        assert status_of(account).text == "No token yet"


class TestStrays:
    def test_an_address_that_resembles_the_right_one_is_named_until_wechat_calls(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_goes_astray("/wechat/brnad-a", "Nonsense")
        status = status_of(brand_a)

        assert status.level is Level.WAITING
        assert status.text.startswith("WeChat called a wrong address at ")
        assert status.text.endswith(": /wechat/brnad-a")
        assert "The nearest is “/wechat/brand-a” of “Brand-A”." in status.advice
        assert "If it is in a console or in a script" in status.advice
        assert status.attempt is not None
        assert status.attempt.pk == 1
        assert status_of(brand_a, in_hours=24.1).text == "WeChat has not called yet"
        wechat_verifies(brand_a, A)
        assert status_of(brand_a).text.startswith("Verified on ")

    def test_a_call_that_was_signed_with_its_token_needs_attention(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        wechat_goes_astray("/wechat/elsewhere", A)
        status = status_of(brand_a)

        assert status.level is Level.WARNING
        assert status.text.endswith(": /wechat/elsewhere")
        wechat_verifies(brand_a, A)
        assert status_of(brand_a).level is Level.VERIFIED

    def test_it_takes_the_place_of_a_refusal_before_it(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        wechat_verifies(brand_a, B)
        wechat_goes_astray("/wechat/brand-aa", A)
        status = status_of(brand_a)

        assert status.level is Level.FAILING
        assert status.text.endswith(": /wechat/brand-aa")
        wechat_verifies(brand_a, B)
        assert status_of(brand_a).text == "Refused: token of “Brand-B”"

    def test_the_bare_domain_is_named(self, brand_a: OfficialAccount) -> None:
        OfficialAccount.objects.update(answers_at_root=False)
        wechat_goes_astray("/", A)

        assert status_of(brand_a).text.startswith("WeChat called the bare domain at ")

    def test_bots_and_addresses_that_resemble_another_account_are_ignored(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount, client: Client
    ) -> None:
        wechat_verifies(brand_b, B)
        client.get("/wechat/brand-aa?signature=1")
        wechat_goes_astray("/wechat/brand-bb", "Nonsense")
        wechat_goes_astray("/wechat/xyz", "Nonsense")

        assert status_of(brand_a).text == "WeChat has not called yet"
        assert status_of(brand_b).text.endswith("not enabled (启用) yet")
