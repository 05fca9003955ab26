"""What home says about what runs: the worker, alerts, messages that wait, and secrets that end."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from verification.accounts.aes_keys import rotate_aes_key
from verification.accounts.tokens import rotate_token
from verification.alerts.conditions import LOG_CONDITIONS
from verification.models import OfficialAccount, WatchPosition
from verification.models.alert import ABOUT_LOG
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import staff, wechat_verifies
from verification.tests.support.deliveries import give_failing_backend, keep_waiting
from verification.tests.support.home import (
    TIME,
    headings,
    member_of,
    open_alert,
    open_home,
    section,
    words,
)
from verification.times import format_short


def block(client: Client, heading: str = "Worker and alerts") -> str:
    return section(open_home(client), heading)


def see_worker(ago: timedelta = timedelta()) -> datetime:
    """Let the lease of a worker end at a time, and return that time."""
    now = timezone.now()
    WatchPosition.objects.update_or_create(
        id=1, defaults={"began_at": now - timedelta(days=1), "held_until": now - ago}
    )
    return now - ago


class TestWorker:
    def test_a_worker_that_never_ran_is_missing_with_the_command(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        text = words(block(li_wei_at_work))
        assert "! No worker Without it, nothing checks the log" in text
        assert "manage.py worker" in text

    def test_a_worker_that_stopped_was_last_seen_at_a_time(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        seen = see_worker(timedelta(minutes=10))
        text = words(block(li_wei_at_work))

        assert f"! No worker Last seen {format_short(seen)}." in text

    def test_a_worker_that_runs_was_seen_now(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        see_worker(-timedelta(minutes=2))  # the lease ends in two minutes

        text = words(block(li_wei_at_work))
        assert re.search(f"✓ Worker runs Last seen {TIME}", text)


class TestAlerts:
    def test_without_a_channel_nobody_gets_them(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any
    ) -> None:
        assert "! Nobody gets alerts Set ALERT_WECOM_WEBHOOK" in words(block(li_wei_at_work))

        settings.ALERT_EMAIL_TO = ["li.wei@example.cn"]
        assert "Nobody gets alerts" not in block(li_wei_at_work)

    def test_open_ones_link_to_their_page_on_this_host(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        path = f"/admin/verification/officialaccount/{brand_a.pk}/change/"
        open_alert("silent:1", "Brand-A fell silent", f"https://wx.example.cn{path}")
        open_alert("refused:1", "Brand-A is refused", is_over=True)
        open_alert("first_success:1", "Brand-A is connected")
        old = timezone.now() - timedelta(hours=25)
        open_alert("head_went_back:7", "The log's head went back", seen_at=old)
        text = block(li_wei_at_work)

        assert f'<a href="{path}">Brand-A fell silent</a>' in text
        assert re.search(f"since {TIME}", text)
        assert "refused" not in text
        assert "connected" not in text
        assert "went back" not in text

    def test_a_link_to_another_site_is_none(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        open_alert("silent:1", "Brand-A fell silent", "https://evil.example/wechat")
        text = block(li_wei_at_work)

        assert "Brand-A fell silent" in text
        assert "evil.example" not in text

    def test_those_about_the_log_are_for_who_may_see_it(self, brand_a: OfficialAccount) -> None:
        open_alert("chain_broken", "The log is not intact")

        assert "The log is not intact" in block(member_of("Auditors"))
        assert "The log is not intact" not in block(member_of("Token managers", "sun.li"))

    def test_the_conditions_about_the_log_are_the_ones_that_alerts_know(self) -> None:
        assert {condition.__name__ for condition in LOG_CONDITIONS} == ABOUT_LOG


class TestMessages:
    def test_where_a_backend_fails_and_messages_wait_is_named(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        give_failing_backend(brand_b)
        keep_waiting(brand_b, 2)
        text = block(li_wei_at_work, "Messages for backends")

        assert re.search(f"Brand-B Backend failing since {TIME}", words(text))
        assert "connection refused · 2 messages wait" in words(text)
        assert f'/delivery/?account__id__exact={brand_b.pk}">' in text
        assert "Brand-A" not in text

    def test_without_the_right_to_messages_there_is_no_link_to_them(
        self, brand_b: OfficialAccount
    ) -> None:
        keep_waiting(brand_b)
        text = block(staff("view_officialaccount"), "Messages for backends")

        assert "1 message waits" in text
        assert "/delivery/" not in text

    def test_the_block_is_left_out_if_nothing_waits(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        assert "Messages for backends" not in headings(open_home(li_wei_at_work))


class TestEndingSecrets:
    HEADING = "Ends within 24 hours"

    def test_an_old_token_that_wechat_still_uses_is_named_with_its_end(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        old = brand_a.current_token
        rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI, keep_old=timedelta(hours=3))
        text = words(block(li_wei_at_work, self.HEADING))

        assert old is not None
        old.refresh_from_db()
        assert old.expires_at is not None
        assert f"Brand-A Token {old.fingerprint} ends " in text
        assert f"{timezone.localtime(old.expires_at):%H:%M}" in text

    @pytest.mark.parametrize("hours", [3, 25])
    def test_one_that_ends_later_or_that_wechat_has_left_is_not(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, hours: int
    ) -> None:
        wechat_verifies(brand_a, A)
        rotate_token(brand_a, B, LI_WEI, keep_old=timedelta(hours=hours))
        if hours == 3:
            wechat_verifies(brand_a, B)

        assert self.HEADING not in open_home(li_wei_at_work)

    def test_an_old_encoding_aes_key_is_named_too(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        first = rotate_aes_key(brand_a, "a" * 42 + "A", LI_WEI, app_id="wx0123456789abcdef")
        first.record_first_use(timezone.now())
        rotate_aes_key(brand_a, "b" * 42 + "A", LI_WEI, keep_old=timedelta(hours=3))

        text = words(block(li_wei_at_work, self.HEADING))
        assert f"Brand-A EncodingAESKey {first.fingerprint} ends " in text
