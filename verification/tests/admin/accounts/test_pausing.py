"""Pausing and resuming."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from verification.accounts.pausing import pause
from verification.change_log import Actor
from verification.models import ChangeEvent, OfficialAccount
from verification.protocol import console
from verification.protocol.enums import Platform, Reason
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, B, last_attempt
from verification.tests.support.admin_client import (
    Action,
    act,
    actions,
    call,
    open_list,
    staff,
    wechat_pushes,
    wecom_pushes,
)
from verification.tests.support.wecom import make_wecom_app


class TestPausing:
    def test_paused_is_refused_and_resumed_is_accepted(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        act(li_wei_at_work, "pause", brand_a)
        assert call("/wechat/brand-a", A) == 403
        assert last_attempt().reason == Reason.PAUSED_ACCOUNT

        act(li_wei_at_work, "resume", brand_a)
        assert call("/wechat/brand-a", A) == 200
        assert actions()[-2:] == [Action.ACCOUNT_PAUSED, Action.ACCOUNT_RESUMED]

    def test_a_message_names_the_account_or_counts_several(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        for action, accounts, message in [
            ("pause", [brand_a], "Paused Brand-A."),
            ("resume", [brand_a], "Resumed Brand-A."),
            ("pause", [brand_a, brand_b], "Paused 2 accounts."),
            ("resume", [brand_a, brand_b], "Resumed 2 accounts."),
            ("resume", [brand_a], "There is nothing to change."),
        ]:
            act(li_wei_at_work, action, *accounts)
            assert message in open_list(li_wei_at_work)

    def test_only_what_changes_is_an_event(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        pause(brand_a, Actor("wang.fang"))
        act(li_wei_at_work, "pause", brand_a, brand_b)

        pauses = ChangeEvent.objects.filter(action=Action.ACCOUNT_PAUSED).order_by("id")
        assert [(event.actor, event.account) for event in pauses] == [
            ("wang.fang", brand_a),
            ("li.wei", brand_b),
        ]

    def test_a_number_that_is_too_long_is_nobodys(self, li_wei_at_work: Client) -> None:
        OfficialAccount.objects.create(id=12345678, slug="brand-a", name="Brand A")
        url = reverse("admin:pause_accounts")

        assert "Brand A" not in li_wei_at_work.get(url + "?account=1234567890").text
        assert "Brand A" in li_wei_at_work.get(url + "?account=12345678").text

    def test_of_two_who_pause_it_at_once_one_did(self, brand_a: OfficialAccount) -> None:
        seen_by_both = OfficialAccount.objects.get()
        pause(brand_a, LI_WEI)
        pause(seen_by_both, Actor("wang.fang"))

        paused = ChangeEvent.objects.get(action=Action.ACCOUNT_PAUSED)
        assert (paused.actor, seen_by_both.is_paused) == ("li.wei", True)

    def test_who_may_only_look_cannot_pause(self, brand_a: OfficialAccount) -> None:
        act(staff("view_officialaccount"), "pause", brand_a)

        assert call("/wechat/brand-a", A) == 200

    def test_it_is_said_what_followers_will_notice(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        url = f"{reverse('admin:pause_accounts')}?account={brand_a.pk}"
        assert "nobody will notice" in li_wei_at_work.get(url).text
        wechat_pushes(brand_a, A)

        text = li_wei_at_work.get(url).text
        assert "<h1>Pause Brand-A?</h1>" in text
        assert "Followers of Brand-A will notice" in text
        assert console.SERVICE_FAILURE_MESSAGE in text
        assert wechat_pushes(brand_a, A) == 200
        li_wei_at_work.post(url)
        assert wechat_pushes(brand_a, A) == 403

    def test_it_is_said_of_each_platform_who_will_notice(self, li_wei_at_work: Client) -> None:
        shop = make_account("shop", B, platform=Platform.MINI_PROGRAM.value)
        service = make_wecom_app("service", A)
        wechat_pushes(shop, B)
        wecom_pushes(service, A)
        query = f"?account={shop.pk}&account={service.pk}"
        text = li_wei_at_work.get(reverse("admin:pause_accounts") + query).text

        assert "Users of Shop will notice" in text
        assert console.MINI_PROGRAM_FAILURE_MESSAGE in text
        assert "Members who use Service will notice: they get no reply." in text
        assert console.SERVICE_FAILURE_MESSAGE not in text

    @pytest.mark.parametrize("query", ["", "?account=x", "?account=99999999999999", "?account=²"])
    def test_nothing_chosen_is_nothing_changed(self, li_wei_at_work: Client, query: str) -> None:
        url = reverse("admin:pause_accounts") + query

        assert "There is nothing to change." in li_wei_at_work.get(url).text
