"""Changes of an account in the change log and on the account page."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from verification.accounts.pausing import pause
from verification.change_log import Actor
from verification.models import ChangeEvent, OfficialAccount
from verification.tests.support.admin_client import last_event, open_account, press


@pytest.fixture
def li_wei_at_work(li_wei: User, client: Client) -> Client:
    client.force_login(li_wei)
    return client


class TestTheChangeLog:
    def test_every_event_has_the_address_it_came_from(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any
    ) -> None:
        before = last_event().pk
        li_wei_at_work.defaults["REMOTE_ADDR"] = "81.69.103.129"
        account = f"?account={brand_a.pk}"
        form = {"token_source": "generate", "replaces": brand_a.tokens.get().pk, "keep_old": "1"}
        press(li_wei_at_work, "reveal_token", brand_a.pk)
        press(li_wei_at_work, "rotate_token", brand_a.pk, **form)
        old = brand_a.tokens.exclude(superseded_at=None).get()
        press(li_wei_at_work, "keep_token", brand_a.pk, old.pk)
        press(li_wei_at_work, "retire_token", brand_a.pk, old.pk)
        li_wei_at_work.post(reverse("admin:pause_accounts") + account)
        li_wei_at_work.post(reverse("admin:resume_accounts") + account)
        changed = {"name": "Brand A", "slug": "brand-a"}
        press(li_wei_at_work, "verification_officialaccount_change", brand_a.pk, **changed)
        press(li_wei_at_work, "verification_officialaccount_delete", brand_a.pk, post="yes")
        added = {"name": "Outlet", "slug": "outlet", "token_source": "generate"}
        press(li_wei_at_work, "verification_officialaccount_add", **added)
        events = ChangeEvent.objects.filter(pk__gt=before)

        assert events.count() == 10
        assert {(event.actor, event.client_ip) for event in events} == {("li.wei", "81.69.103.129")}

    @pytest.mark.parametrize(("keep_old", "hours"), [("", None), ("0", 0)])
    def test_a_rotation_says_how_long_the_old_token_stays(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, keep_old: str, hours: int | None
    ) -> None:
        form = {"token_source": "generate", "replaces": brand_a.tokens.get().pk}
        press(li_wei_at_work, "rotate_token", brand_a.pk, **form, keep_old=keep_old)

        assert last_event().facts == {"keep_old_hours": hours}


class TestLastChanges:
    def someone(self, **who: str) -> Client:
        user = User.objects.create_user("wang.fang", is_staff=True)
        user.groups.add(Group.objects.get(name=who["from_"]))
        client = Client()
        client.force_login(user)
        return client

    def test_a_token_manager_sees_the_accounts_own_and_no_other(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        pause(brand_b, Actor("zhao.min"))
        text = open_account(self.someone(from_="Token managers"), brand_a)

        assert "li.wei: token created" in text
        assert "zhao.min" not in text
        assert "/verification/changeevent/" not in text

    def test_an_auditor_goes_on_to_all_of_them(self, brand_a: OfficialAccount) -> None:
        text = open_account(self.someone(from_="Auditors"), brand_a)

        assert "li.wei: token created" in text
        assert f"/verification/changeevent/?account__id__exact={brand_a.pk}" in text
