"""How each account is doing, in words and in the order of trouble."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from verification.account_status import AccountStatus, Level, read_statuses
from verification.models import OfficialAccount, Tally
from verification.models.token import rotate_token
from verification.protocol.words import Kind, Outcome
from verification.tests.conftest import make_account
from verification.tests.contract import A, B
from verification.tests.people import open_list, wechat_pushes, wechat_verifies

NEW = "NewTokenOfBrandA99"


def status_of(account: OfficialAccount) -> AccountStatus:
    account.refresh_from_db()
    return read_statuses([account])[account.pk]


class TestStatus:
    def test_it_goes_from_waiting_to_verified_to_receiving(self, brand_a: OfficialAccount) -> None:
        today = timezone.localdate().isoformat()
        assert status_of(brand_a).text == "WeChat has not called yet"
        wechat_verifies(brand_a, A)
        assert status_of(brand_a).text == f"Verified on {today}, not enabled (启用) yet"
        wechat_pushes(brand_a, A)
        assert status_of(brand_a).text == f"Receiving messages · verified on {today}"

    def test_a_refusal_names_its_cause_until_a_verification_passes(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, B)
        refused = status_of(brand_a)
        assert (refused.level, refused.text) == (Level.ATTENTION, "Refused: token of “Brand-B”")
        assert refused.refused_in_24_h == 1

        wechat_verifies(brand_a, A)
        assert status_of(brand_a).level is Level.VERIFIED

    def test_a_refusal_before_the_last_push_is_solved_or_noise(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, "Nonsense")
        wechat_pushes(brand_a, A)

        assert status_of(brand_a).level is Level.RECEIVING

    def test_a_browser_that_looks_is_no_trouble(
        self, brand_a: OfficialAccount, client: Client
    ) -> None:
        client.get(brand_a.server_path)

        assert status_of(brand_a).level is Level.WAITING

    def test_a_rotation_that_wechat_has_not_followed_needs_attention(
        self, brand_a: OfficialAccount
    ) -> None:
        rotate_token(brand_a, NEW, actor="li.wei")
        assert status_of(brand_a).text == "Rotation unfinished: WeChat still uses the old token"
        rotate_token(brand_a, f"{NEW}8", actor="li.wei", keep_old=timedelta(hours=1))
        assert "the old token ends" in status_of(brand_a).text

        wechat_verifies(brand_a, f"{NEW}8")
        assert status_of(brand_a).level is Level.VERIFIED

    def test_silence_where_there_is_none_usually_needs_attention(
        self, brand_a: OfficialAccount
    ) -> None:
        def pushed(hours_ago: int) -> Tally:
            time = timezone.now() - timedelta(hours=hours_ago)
            hour = time.replace(minute=0, second=0, microsecond=0)
            kind, outcome = Kind.MESSAGE_PUSH.value, Outcome.ACCEPTED.value
            return Tally(
                account=brand_a, hour=hour, kind=kind, outcome=outcome, count=9, last_at=time
            )

        Tally.objects.bulk_create(pushed(hours) for hours in range(5, 40))
        assert status_of(brand_a).text.startswith("No messages since ")
        Tally.objects.bulk_create([pushed(1)])
        assert status_of(brand_a).level is Level.RECEIVING

    def test_who_paused_it_is_named(self, brand_a: OfficialAccount) -> None:
        brand_a.pause(actor="wang.fang")

        assert status_of(brand_a).text.startswith("Paused by wang.fang on 20")


class TestTheList:
    def test_trouble_comes_first_and_is_counted_above(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        aardvark = make_account("aardvark", "TokenOfAardvark123")
        wechat_verifies(brand_b, A)
        brand_a.pause(actor="li.wei")
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
        wechat_verifies(brand_a, A)
        link = re.search(r'field-refused"><a href="([^"]*)">3<', open_list(li_wei_at_work))

        assert link is not None
        found = li_wei_at_work.get(link[1].replace("&amp;", "&")).text
        assert "3 entries" in found

    def test_showing_all_is_offered_only_where_something_is_left_out(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        assert "Show all" not in open_list(li_wei_at_work)
        assert "Show all" in open_list(li_wei_at_work, q="brand")
        assert "Show all" in open_list(li_wei_at_work, status="waiting")

    @pytest.mark.parametrize(
        ("status", "names"),
        [("attention", ["Brand-B"]), ("waiting", ["Brand-A"]), ("paused", []), ("x", None)],
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
        few = count()
        for number in range(2, 299):
            account = make_account(f"outlet-{number}", f"TokenOfOutlet{number:04}")
            if number < 9:
                wechat_verifies(account, A)
        assert OfficialAccount.objects.count() == 300
        assert count() == few
        second = re.findall(r'field-name"><a [^>]*>', open_list(li_wei_at_work, p="2"))
        assert len(second) == 100
