"""The list of accounts: those in trouble first, in a constant number of queries."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from verification.accounts.pausing import pause
from verification.models import OfficialAccount
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import open_list, we_test, wechat_verifies


class TestTheList:
    def test_trouble_comes_first_and_is_counted_above(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        aardvark = make_account("aardvark", "TokenOfAardvark123")
        wechat_verifies(brand_b, A)
        pause(brand_a, LI_WEI)
        text = open_list(li_wei_at_work)

        names = re.findall(r'field-name"><a [^>]*>([^<]*)', text)
        assert names == ["Brand-B", aardvark.name, "Brand-A"]
        assert "1 account needs attention:" in " ".join(text.split())
        assert "Times in Asia/Shanghai (UTC+8)" in text

    def test_refusals_link_to_themselves(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        for nonce in ("1", "2", "3"):
            wechat_verifies(brand_b, A, nonce=nonce)
        we_test(brand_b, A)
        Client().get(brand_b.server_path)
        Client().head(brand_b.server_path)
        wechat_verifies(brand_b, B)
        wechat_verifies(brand_a, A)
        link = re.search(r'field-refused"><a href="([^"]*)">3<', open_list(li_wei_at_work))

        assert link is not None
        attempts = li_wei_at_work.get(link[1].replace("&amp;", "&")).text
        assert attempts.count("token of “Brand-A”") == 3

    def test_showing_all_is_offered_only_where_something_is_left_out(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        assert "Show all" not in open_list(li_wei_at_work)
        assert "Show all" in open_list(li_wei_at_work, q="brand")
        assert "Show all" in open_list(li_wei_at_work, status="waiting")

    @pytest.mark.parametrize(
        ("status", "names"),
        [
            ("attention", ["Brand-B"]),
            ("quiet", []),
            ("waiting", ["Brand-A"]),
            ("paused", []),
            ("x", None),
        ],
    )
    def test_it_is_filtered_by_status(
        self,
        li_wei_at_work: Client,
        brand_a: OfficialAccount,
        brand_b: OfficialAccount,
        status: str,
        names: list[str] | None,
    ) -> None:
        wechat_verifies(brand_b, A)
        text = open_list(li_wei_at_work, status=status)

        expected = ["Brand-B", "Brand-A"] if names is None else names
        assert re.findall(r'field-name"><a [^>]*>([^<]*)', text) == expected

    def test_three_hundred_accounts_ask_no_more_queries_than_three(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        def count() -> int:
            with CaptureQueriesContext(connection) as queries:
                assert "Refused: token of “Brand-A”" in open_list(li_wei_at_work)
            return len(queries)

        for number in range(2):
            wechat_verifies(make_account(f"outlet-{number}", f"TokenOfOutlet{number:04}"), A)
        with_three = count()
        for number in range(2, 299):
            account = make_account(f"outlet-{number}", f"TokenOfOutlet{number:04}")
            if number < 9:
                wechat_verifies(account, A)
        assert OfficialAccount.objects.count() == 300
        assert count() == with_three
        second_page = re.findall(r'field-name"><a [^>]*>', open_list(li_wei_at_work, p="2"))
        assert len(second_page) == 100

    @pytest.mark.parametrize("status", ["attention", "paused"])
    def test_a_filter_by_status_asks_no_more_queries(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount,
        status: str,
    ) -> None:  # fmt: skip
        def count(**query: str) -> int:
            with CaptureQueriesContext(connection) as queries:
                open_list(li_wei_at_work, **query)
            return len(queries)

        wechat_verifies(brand_b, A)
        pause(brand_a, LI_WEI)

        assert count(status=status) == count()
