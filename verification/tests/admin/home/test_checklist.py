"""The checklists of home: what is left to set up, and what an auditor needs before a review."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.utils import timezone

from verification import change_log
from verification.admin.home.checklist import count_managers
from verification.change_log import Action
from verification.models import OfficialAccount, TotpDevice
from verification.models.totp_device import new_seed
from verification.tests.admin.home.test_operation import see_worker
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import press, wechat_verifies
from verification.tests.support.home import headings, member_of, open_home, section, words
from verification.times import preset

SETUP = "Setting up"


def manager(name: str, *, has_device: bool = False) -> User:
    user = User.objects.create_user(name, is_staff=True)
    user.groups.add(Group.objects.get(name="Token managers"))
    TotpDevice.objects.create(user=user, confirmed=has_device, seed=new_seed())
    return user


class TestSettingUp:
    def test_an_empty_gateway_begins_with_the_list_of_what_to_do(
        self, li_wei_at_work: Client
    ) -> None:
        page = open_home(li_wei_at_work)
        block = section(page, SETUP)

        assert headings(page)[0] == "Setting up: 0 of 8 done"
        assert "Needs attention" not in page
        assert "PUBLIC_URL=https://wx.example.cn" in block
        assert '/officialaccount/add/">Add your first account</a>' in block
        assert "manage.py worker" in block
        assert "<details" not in block

    def test_with_an_account_it_is_folded_and_names_the_next_step(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any
    ) -> None:
        settings.PUBLIC_URL = "https://wx.example.cn"
        block = section(open_home(li_wei_at_work), SETUP)

        assert "Setting up: 2 of 8 done" in block
        assert "Next: Connect it" in block
        assert f'/officialaccount/{brand_a.pk}/change/">Connect it</a>' in block
        assert "✓ Use your own domain (done)" in words(block)
        assert "○ Run a worker (not done)" in words(block)

    def test_it_goes_when_everything_is_done(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any
    ) -> None:
        settings.PUBLIC_URL = "https://wx.example.cn"
        settings.ALERT_EMAIL_TO = ["li.wei@example.cn"]
        wechat_verifies(brand_a, A)
        see_worker()
        manager("zhao.min", has_device=True)
        change_log.record(Action.EXPORTED, LI_WEI, format="sealed")
        assert "7 of 8 done" in section(open_home(li_wei_at_work), SETUP)

        settings.ADMIN_REQUIRE_TOTP = True
        device = manager("sun.li", has_device=True).totpdevice_set.get()
        client = Client()
        client.force_login(device.user)
        session = client.session
        session["otp_device_id"] = device.persistent_id
        session.save()
        assert SETUP not in open_home(client)

    def test_people_count_who_can_rotate_tokens_and_have_a_second_factor_if_required(
        self, li_wei: User, settings: Any
    ) -> None:
        manager("zhao.min", has_device=True)
        manager("sun.li")
        User.objects.create_user("wang.fang", is_staff=True)
        User.objects.filter(username="sun.li").update(is_active=True)
        assert count_managers() == 3

        settings.ADMIN_REQUIRE_TOTP = True
        assert count_managers() == 1

    def test_an_export_that_does_not_hold_the_head_does_not_count(
        self, li_wei_at_work: Client
    ) -> None:
        change_log.record(Action.EXPORTED, LI_WEI, format="csv")
        assert "0 of 8 done" in open_home(li_wei_at_work)

        change_log.record(Action.EXPORTED, LI_WEI, format="sealed")
        assert "1 of 8 done" in open_home(li_wei_at_work)

    def test_who_may_add_no_account_has_nothing_to_set_up(self, brand_a: OfficialAccount) -> None:
        assert SETUP not in open_home(member_of("Auditors"))


class TestAReview:
    @pytest.fixture
    def auditor(self, brand_a: OfficialAccount) -> Client:
        return member_of("Auditors")

    def test_an_auditor_reads_first_what_a_sign_off_needs(self, auditor: Client) -> None:
        page = open_home(auditor)
        block = words(section(page, "The log"))

        assert headings(page)[0] == "The log"
        assert "○ Store your full name (not done) Sign-offs show it." in block
        assert "○ Set the name of your organisation (not done)" in block
        assert "○ Check the log this week (not done)" in block
        assert "The last full quarter" not in block, "nothing was recorded in it"

    def test_after_that_the_list_goes(
        self, auditor: Client, li_wei_at_work: Client, settings: Any
    ) -> None:
        settings.ORGANISATION = "Example Retail Ltd."
        User.objects.filter(username="zhao.min").update(first_name="Min", last_name="Zhao")
        press(auditor, "integrity")

        page = open_home(auditor)
        assert "full name" not in page
        assert headings(page)[0] == "Needs attention"

    def test_last_quarter_is_due_until_it_is_signed_off(self, auditor: Client, record: Any) -> None:
        record(100)
        assert "○ Sign off the last full quarter (not done)" in words(open_home(auditor))

        last_quarter = preset("last_quarter", timezone.localdate())
        first, last = str(last_quarter.first), str(last_quarter.last)
        period = str(last_quarter)
        change_log.record(Action.SIGNED_OFF, LI_WEI, first=first, last=last, period=period)
        assert "✓ Sign off the last full quarter (done)" in words(open_home(auditor))

    def test_whoever_runs_the_accounts_is_not_asked(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        assert "full name" not in open_home(li_wei_at_work)
