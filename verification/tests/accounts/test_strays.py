"""Calls that went astray: to an address of no account, or without their query string."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from verification.accounts.levels import Level
from verification.accounts.status import read_statuses
from verification.accounts.strays import MAX_UNSIGNED
from verification.models import OfficialAccount
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import (
    STRANGER,
    query_is_lost,
    wechat_goes_astray,
    wechat_pushes,
    wechat_verifies,
    wecom_pushes,
)
from verification.tests.support.statuses import status_of
from verification.tests.support.tallies import was_pushed_to
from verification.tests.support.wecom import make_wecom_app


class TestLostQuery:
    """Calls with the user agent of WeChat and WeCom, but without a query string."""

    @pytest.mark.parametrize("is_push", [False, True])
    def test_nobody_is_told_that_wechat_has_not_called(
        self, brand_a: OfficialAccount, is_push: bool
    ) -> None:
        query_is_lost(brand_a, times=3, is_push=is_push)
        Client(headers={"User-Agent": "curl/8.5"}).get(brand_a.server_path)
        status = status_of(brand_a)

        assert status.level is Level.WAITING
        assert status.text.startswith("WeChat may have called at ")
        assert "removed the query string" in status.advice
        assert status.attempt is not None
        assert status.attempt.pk == 3
        assert status_of(brand_a, in_hours=24.1).text == "WeChat has not called yet"

    def test_a_token_that_is_missing_comes_first(self, db: None) -> None:
        account = make_account("empty")
        query_is_lost(account, is_push=False)

        assert status_of(account).text == "No token yet"

    def test_one_of_an_account_that_works_changes_nothing(self, brand_a: OfficialAccount) -> None:
        wechat_verifies(brand_a, A)
        before = status_of(brand_a)
        query_is_lost(brand_a)
        status = status_of(brand_a)

        assert status.level is Level.VERIFIED
        assert (status.text, status.advice) == (before.text, before.advice)

    @pytest.mark.parametrize("is_push", [False, True])
    def test_three_of_an_account_that_works_are_a_warning_until_wechat_passes_again(
        self, brand_a: OfficialAccount, is_push: bool
    ) -> None:
        wechat_pushes(brand_a, A)
        query_is_lost(brand_a, times=3, is_push=is_push)
        status = status_of(brand_a)

        assert status.level is Level.WARNING
        assert status.text.startswith("WeChat may have called at ")
        assert status.text.endswith(", but the query string is missing")
        assert "pass on everything after the “?”" in status.advice
        assert status.attempt is not None
        assert status.attempt.pk == 3  # A message that was accepted has no row.
        wechat_pushes(brand_a, A)
        assert status_of(brand_a).level is Level.RECEIVING

    def test_an_accepted_call_starts_the_count_again(self, brand_a: OfficialAccount) -> None:
        for _again in range(3):
            wechat_pushes(brand_a, A)
            query_is_lost(brand_a, times=2)

        assert status_of(brand_a).level is Level.RECEIVING

    def test_they_are_forgotten_after_a_day(self, brand_a: OfficialAccount) -> None:
        wechat_pushes(brand_a, A)
        query_is_lost(brand_a, times=3)

        assert status_of(brand_a, in_hours=23).level is Level.WARNING
        assert status_of(brand_a, in_hours=24.1).level is Level.RECEIVING

    def test_one_is_the_reason_if_messages_have_stopped(self, brand_a: OfficialAccount) -> None:
        was_pushed_to(brand_a, range(5, 40))
        assert status_of(brand_a).text.startswith("No messages since ")
        query_is_lost(brand_a)
        status = status_of(brand_a)

        assert status.level is Level.WARNING
        assert status.text.startswith("WeChat may have called at ")

    def test_however_many_a_stranger_sends_the_account_is_not_failing(
        self, brand_a: OfficialAccount
    ) -> None:
        was_pushed_to(brand_a, range(5, 40))
        query_is_lost(brand_a, times=40)

        assert status_of(brand_a).level is Level.WARNING

    def test_a_monitor_that_gets_hides_no_messages(self, brand_a: OfficialAccount) -> None:
        wechat_pushes(brand_a, A)
        monitor = Client(REMOTE_ADDR=STRANGER, headers={"User-Agent": "UptimeRobot/2.0"})
        for _again in range(MAX_UNSIGNED):
            monitor.get(brand_a.server_path)
        assert status_of(brand_a).level is Level.RECEIVING

        query_is_lost(brand_a, times=3)
        for _again in range(MAX_UNSIGNED):
            monitor.get(brand_a.server_path)
        assert status_of(brand_a).level is Level.WARNING

    def test_those_of_wecom_are_found_as_well(self, db: None) -> None:
        app = make_wecom_app("service", A)
        wecom_pushes(app, A)
        query_is_lost(app, times=3)
        status = status_of(app)

        assert status.level is Level.WARNING
        assert status.text.startswith("WeCom may have called at ")
        assert "This had WeCom's user agent, but came without msg_signature" in status.advice

    def test_many_accounts_ask_no_more_queries_than_one(self, brand_a: OfficialAccount) -> None:
        def count() -> int:
            accounts = [*OfficialAccount.objects.all()]
            with CaptureQueriesContext(connection) as queries:
                statuses = read_statuses(accounts)
            assert {status.level for status in statuses.values()} == {Level.WARNING}
            return len(queries)

        wechat_pushes(brand_a, A)
        query_is_lost(brand_a, times=3)
        with_one = count()
        for number in range(5):
            outlet = make_account(f"outlet-{number}", token := f"TokenOfOutlet{number:04}")
            wechat_pushes(outlet, token)
            query_is_lost(outlet, times=3)

        assert count() == with_one


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
