"""The list of accounts: those in trouble first, in a constant number of queries."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from verification.accounts.pausing import pause
from verification.accounts.tokens import rotate_token
from verification.models import OfficialAccount
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import open_list, page, staff, we_test, wechat_verifies


def attention_box(text: str) -> str:
    """Return the box of what needs attention, or an empty text."""
    return "".join(re.findall(r'<section class="attention.*?</section>', text, re.DOTALL))


def empty_list(text: str) -> str:
    """Return what is in the place of the rows."""
    return text.partition('class="nothing-here"')[2].partition("</form>")[0]


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
        assert "1 account needs attention" in " ".join(text.split())
        assert "Times in Asia/Shanghai (UTC+8)" in text

    def test_what_needs_attention_is_said_with_links_to_account_and_attempt(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_b, A)
        wechat_verifies(brand_a, A)
        rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI)
        box = attention_box(open_list(li_wei_at_work))

        assert "2 accounts need attention" in box
        assert box.index("Brand-B") < box.index("Brand-A")  # the failing one first
        assert "Refused: token of “Brand-A”" in box
        assert f'href="{page("verificationattempt_change", 1)}"' in box
        assert "Rotation unfinished: WeChat has not used the new token yet" in box
        assert "Show all that need attention" not in box
        assert "View attempt" not in attention_box(open_list(staff("view_officialaccount")))

    def test_more_than_three_are_one_click_away(self, li_wei_at_work: Client, db: None) -> None:
        for number in range(4):
            wechat_verifies(make_account(f"outlet-{number}", f"TokenOfOutlet{number:04}"), A)
        box = attention_box(open_list(li_wei_at_work))

        assert box.count("<li>") == 3
        assert 'href="?status=attention">Show all that need attention' in box

    def test_an_account_that_needs_nothing_is_not_in_a_box(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        assert attention_box(open_list(li_wei_at_work)) == ""

    def test_an_empty_list_leads_to_the_first_account(
        self, li_wei_at_work: Client, db: None
    ) -> None:
        text = open_list(li_wei_at_work)

        assert "There are no accounts yet." in text
        assert text.count(f'href="{page("officialaccount_add")}"') > 1
        assert "button" not in empty_list(open_list(staff("view_officialaccount")))

    def test_a_search_without_a_result_leads_back_to_all(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        assert 'href="?">Show all accounts' in empty_list(open_list(li_wei_at_work, q="nobody"))

    def test_the_states_that_accounts_have_are_offered_with_their_numbers(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_b, A)
        pause(make_account("outlet", "TokenOfTheOutlet1"), LI_WEI)
        text = open_list(li_wei_at_work, status="paused")
        line = text.partition('<nav class="filter-line"')[2].partition("</nav>")[0]

        assert re.findall(r">\s*([^<>]*?)\s*</a>", line) == [
            "All",
            "Needs attention (1)",
            "Failing (1)",
            "Waiting (1)",
            "Paused (1)",
        ]
        assert re.search(r'href="\?status=paused" aria-current="true"', line)

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
        assert len(re.findall(r'class="what">[^<]*token of “Brand-A”', attempts)) == 3
        assert attempts.count('class="field-time"') == 3

    def test_showing_all_is_offered_only_where_something_is_left_out(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        assert "Show all" not in open_list(li_wei_at_work)
        assert "Show all" in open_list(li_wei_at_work, q="brand")
        assert "Show all" in open_list(li_wei_at_work, status="waiting")

    @pytest.mark.parametrize(
        ("status", "names"),
        [
            ("attention", ["Outlet", "Brand-B"]),
            ("failing", ["Outlet"]),
            ("warning", ["Brand-B"]),
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
        wechat_verifies(brand_b, B)
        rotate_token(brand_b, "NewTokenOfBrandB99", LI_WEI)
        wechat_verifies(make_account("outlet", "TokenOfTheOutlet1"), B)
        text = open_list(li_wei_at_work, status=status)

        expected = ["Outlet", "Brand-B", "Brand-A"] if names is None else names
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
