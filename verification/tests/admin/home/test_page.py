"""Home: who sees which block, and that it stays fast however many accounts there are."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from verification.accounts.pausing import pause
from verification.models import OfficialAccount, VerificationAttempt
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import press, staff, wechat_verifies
from verification.tests.support.home import (
    headings,
    member_of,
    open_alert,
    open_home,
    section,
    words,
)
from verification.tests.support.tampering import as_owner

ATTENTION = "Needs attention"


def attention_of(client: Client) -> str:
    return words(section(open_home(client), ATTENTION))


class TestAttention:
    def test_from_a_failed_check_to_its_cause_is_one_click(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_b, A)
        block = section(open_home(li_wei_at_work), ATTENTION)

        assert "✕ Failing Brand-B Refused: token of “Brand-A”" in words(block)
        assert f'/officialaccount/{brand_b.pk}/change/">' in block
        link = re.search(r'href="([^"]*verificationattempt[^"]*)">View attempt', block)
        assert link is not None
        attempt = words(li_wei_at_work.get(link[1]).text)
        assert "with the token of “Brand-A”" in attempt

    def test_a_calm_line_says_that_nothing_needs_attention(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)

        block = words(section(open_home(li_wei_at_work), ATTENTION))
        assert block.startswith("Needs attention ✓ No account needs attention.")

    def test_ten_accounts_are_listed_and_the_others_counted(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        for number in range(12):
            wechat_verifies(make_account(f"outlet-{number}", f"TokenOfOutlet{number:04}"), A)
        block = section(open_home(li_wei_at_work), ATTENTION)

        assert block.count("View attempt") == 10
        assert '?status=attention">2 more accounts need attention' in block
        url = re.search(r'href="([^"]*status=attention)"', block)
        assert url is not None
        assert li_wei_at_work.get(url[1]).text.count('class="field-name"') == 12

    def test_an_alert_stays_until_a_check_of_the_whole_log_finds_it_intact(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(2):
            wechat_verifies(brand_a, A)
        open_alert("chain_broken", "The log is not intact")
        with monkeypatch.context() as patch:
            patch.setattr("verification.audit_log.integrity.MAX_SECONDS", -1)
            patch.setattr("verification.audit_log.reader.MAX_SEALS", 1)
            press(li_wei_at_work, "integrity")
        assert "✕ Failing The log The log is not intact" in attention_of(li_wei_at_work)

        press(li_wei_at_work, "integrity")
        assert "The log is not intact" not in attention_of(li_wei_at_work)

    def test_an_alert_that_says_the_same_as_the_last_check_is_left_out(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        as_owner(VerificationAttempt, "UPDATE {table} SET status = 500 WHERE id = 1")
        press(li_wei_at_work, "integrity")
        open_alert("chain_broken", "The log is not intact")
        open_alert("seal_key_missing", "The log cannot be checked: a key is missing")
        block = attention_of(li_wei_at_work)

        assert "✕ Failing The log Broken at seal 1" in block
        assert "The log is not intact" not in block
        assert "✕ Failing The log The log cannot be checked: a key is missing" in block

    def test_without_the_right_to_attempts_there_is_no_link_to_one(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_b, A)
        page = open_home(staff("view_officialaccount"))

        assert "Refused: token of “Brand-A”" in page
        assert "View attempt" not in page

    def test_accounts_are_counted_by_state_with_links_to_lists(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        pause(brand_b, LI_WEI)
        make_account("outlet-1", "TokenOfOutlet0001")
        make_account("outlet-2", "TokenOfOutlet0002")
        block = section(open_home(li_wei_at_work), ATTENTION)

        assert "✓ Verified 1 – Waiting 2 ‖ Paused 1 All accounts" in words(block)
        url = re.search(r'href="([^"]*status=waiting)"', block)
        assert url is not None
        assert li_wei_at_work.get(url[1]).text.count('class="field-name"') == 2


class TestWhoSeesWhat:
    @pytest.mark.parametrize(
        ("group", "expected"),
        [
            (
                "Token managers",
                [ATTENTION, "Last 24 hours", "Setting up", "Worker and alerts", "All pages"],
            ),
            (
                "Auditors",
                ["The log", ATTENTION, "Last 24 hours", "Last changes", "Worker and alerts",
                 "All pages"],
            ),
        ],
    )  # fmt: skip
    def test_a_group_sees_the_blocks_whose_pages_it_may_open(
        self, brand_a: OfficialAccount, group: str, expected: list[str]
    ) -> None:
        found = [heading.partition(":")[0] for heading in headings(open_home(member_of(group)))]
        assert found == expected

    def test_a_superuser_sees_every_block(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        found = [heading.partition(":")[0] for heading in headings(open_home(li_wei_at_work))]
        assert found == [
            *[ATTENTION, "Last 24 hours", "Last changes", "Setting up", "The log"],
            *["Worker and alerts", "All pages"],
        ]

    @pytest.mark.parametrize("group", ["Token managers", "Auditors"])
    def test_every_link_opens_for_the_group_that_sees_it(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount, group: str
    ) -> None:
        wechat_verifies(brand_b, A)
        client = member_of(group)
        links = set(re.findall(r'href="(/admin/[^"]*|\?[^"]*)"', open_home(client)))

        assert len(links) > 5
        for link in links:
            response = client.get(link.replace("&amp;", "&"), follow=True)
            assert response.status_code == 200, link

    def test_someone_without_rights_is_told_whom_to_ask(self, brand_a: OfficialAccount) -> None:
        page = open_home(member_of(""))

        assert "Ask an administrator" in page
        assert "Brand-A" not in page
        assert headings(page) == []

    def test_all_pages_are_listed_and_djangos_recent_actions_are_not(
        self, li_wei_at_work: Client
    ) -> None:
        page = open_home(li_wei_at_work)

        assert 'id="nav-sidebar"' in page
        assert "Recent actions" not in page
        assert "<h1>Home</h1>" in page


@pytest.mark.parametrize("group", ["", "Token managers", "Auditors"])
def test_thirty_accounts_ask_no_more_queries_than_one(
    brand_a: OfficialAccount, li_wei: User, group: str
) -> None:
    client = Client()
    client.force_login(li_wei)
    client = member_of(group) if group else client

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert "Brand-A" in open_home(client)
        return len(queries)

    wechat_verifies(brand_a, "WrongTokenOfB5678")
    count()  # reads what is kept between requests
    with_one = count()
    for number in range(29):
        account = make_account(f"outlet-{number}", f"TokenOfOutlet{number:04}")
        wechat_verifies(account, A)
    assert count() == with_one
