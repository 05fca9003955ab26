"""The status of an account in words: it depends on what is recorded, and on the time."""

from __future__ import annotations

import pytest
from django.utils import timezone

from verification.accounts.levels import Level
from verification.accounts.pausing import pause
from verification.change_log import Actor
from verification.models import DeliveryTally, OfficialAccount, WatchPosition
from verification.protocol.enums import DeliveryResult, Platform
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import (
    wechat_pushes,
    wechat_verifies,
    wecom_pushes,
    wecom_verifies,
)
from verification.tests.support.deliveries import count_deliveries, give_backend, keep_waiting
from verification.tests.support.messages import OTHER_AES_KEY
from verification.tests.support.statuses import status_of
from verification.tests.support.tallies import was_pushed_to
from verification.tests.support.wecom import make_wecom_app
from verification.times import format_short


def last_of(result: DeliveryResult) -> str:
    """Return when a delivery last ended so, as pages show it."""
    return format_short(DeliveryTally.objects.filter(result=result).latest("last_at").last_at)


class TestProgress:
    def test_it_goes_from_waiting_to_verified_to_receiving(self, brand_a: OfficialAccount) -> None:
        today = timezone.localdate().isoformat()
        assert status_of(brand_a).text == "WeChat has not called yet"
        wechat_verifies(brand_a, A)
        assert status_of(brand_a).text == f"Verified on {today}, not enabled (启用) yet"
        wechat_pushes(brand_a, A)
        assert status_of(brand_a).text == f"Receiving messages · verified on {today}"

    def test_a_platform_without_a_switch_waits_for_messages_alone(self, db: None) -> None:
        today = timezone.localdate().isoformat()
        app = make_wecom_app("service", A)
        assert status_of(app).text == "WeCom has not called yet"
        wecom_verifies(app, A)
        assert status_of(app).text == f"Verified on {today}, no message yet"
        wecom_pushes(app, A)
        assert status_of(app).text == f"Receiving messages · verified on {today}"

    def test_a_wecom_app_waits_for_its_key_first(self, db: None) -> None:
        status = status_of(make_wecom_app("service", A, key=""))

        assert (status.level, status.text) == (Level.WAITING, "No EncodingAESKey yet")
        assert "Set the EncodingAESKey here first" in status.advice

    def test_a_wecom_app_waits_for_its_corp_id_as_well(self, db: None) -> None:
        app = make_wecom_app("service", A)
        OfficialAccount.objects.update(app_id="")
        status = status_of(app)

        assert (status.level, status.text) == (Level.WAITING, "No CorpID yet")
        assert "Enter the CorpID (企业ID) here first" in status.advice

    def test_a_key_that_does_not_fit_is_said_once(self, db: None) -> None:
        app = make_wecom_app("service", A)
        wecom_verifies(app, A, key=OTHER_AES_KEY)

        assert [problem.name for problem in status_of(app).problems] == ["refused"]
        [later] = status_of(app, in_hours=25).problems
        assert later.name == "key_unfit"
        assert "the CorpID on the account's page" in later.advice

    def test_who_paused_it_is_named(self, brand_a: OfficialAccount) -> None:
        pause(brand_a, Actor("wang.fang"))

        assert status_of(brand_a).text.startswith("Paused by wang.fang on 20")


class TestReplies:
    def test_a_backend_that_is_always_too_slow_needs_attention_for_an_hour(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_pushes(brand_a, A)
        give_backend(brand_a)
        count_deliveries(brand_a, DeliveryResult.DELIVERED, 12)
        count_deliveries(brand_a, DeliveryResult.TIMEOUT, 12)

        status = status_of(brand_a)
        assert status.level is Level.WARNING
        assert status.text == (
            "12 of 24 deliveries of the last hour brought no reply, the last at "
            f"{last_of(DeliveryResult.TIMEOUT)}: no answer in time"
        )
        assert status_of(brand_a, in_hours=1.3).level is Level.RECEIVING

    def test_what_was_mended_since_is_not_taken_for_the_reason(
        self, brand_a: OfficialAccount
    ) -> None:
        give_backend(brand_a)
        count_deliveries(brand_a, DeliveryResult.TIMEOUT, 30, hours_ago=0.5)
        count_deliveries(brand_a, DeliveryResult.UNUSABLE_REPLY, 5, status=200)
        status = status_of(brand_a)

        assert status.text == (
            "5 of 35 deliveries of the last hour brought no reply, the last at "
            f"{last_of(DeliveryResult.UNUSABLE_REPLY)}: unusable reply (30 more for other reasons)"
        )
        assert status.advice.startswith("Let the backend answer with “success”")

    def test_of_the_reasons_that_go_on_the_most_frequent_is_named(
        self, brand_a: OfficialAccount
    ) -> None:
        give_backend(brand_a)
        count_deliveries(brand_a, DeliveryResult.TIMEOUT, 2, hours_ago=0.1)
        count_deliveries(brand_a, DeliveryResult.TIMEOUT, 2, hours_ago=0.1, status=200)
        count_deliveries(brand_a, DeliveryResult.BUSY, 3)
        status = status_of(brand_a)

        assert status.text.startswith("4 of 7 deliveries of the last hour brought no reply")
        assert status.text.endswith(": no answer in time (3 more for other reasons)")
        assert status.advice.startswith("Let the backend answer within 3.5 seconds")

    def test_messages_that_no_worker_delivers_need_attention(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_pushes(brand_a, A)
        give_backend(brand_a)
        keep_waiting(brand_a, 2)
        status = status_of(brand_a)
        assert (status.level, status.text) == (
            Level.WARNING,
            "2 messages wait · no worker is running: start manage.py worker",
        )

        WatchPosition.objects.create(began_at=timezone.now(), held_until=timezone.now())
        assert status_of(brand_a).text == "Receiving messages · 2 messages wait"

    @pytest.mark.parametrize(("delivered", "late"), [(5, 2), (1000, 40)])
    def test_a_hiccup_needs_no_attention(
        self, brand_a: OfficialAccount, delivered: int, late: int
    ) -> None:
        wechat_pushes(brand_a, A)
        give_backend(brand_a)
        count_deliveries(brand_a, DeliveryResult.DELIVERED, delivered)
        count_deliveries(brand_a, DeliveryResult.TIMEOUT, late)

        assert status_of(brand_a).level is Level.RECEIVING


class TestSilence:
    @pytest.mark.parametrize(
        ("platform", "words"),
        [
            (Platform.OFFICIAL_ACCOUNT, "still enabled (启用)"),
            (Platform.MINI_PROGRAM, "Write to its customer service"),
            (Platform.WECOM, "EncodingAESKey"),
        ],
    )
    def test_the_advice_is_about_the_console_of_the_platform(
        self, db: None, platform: Platform, words: str
    ) -> None:
        account = make_account("shop", A, platform=platform.value)
        was_pushed_to(account, range(5, 40))

        assert words in status_of(account).advice

    def test_an_unusual_silence_needs_attention(self, brand_a: OfficialAccount) -> None:
        was_pushed_to(brand_a, range(5, 40))
        assert status_of(brand_a).text.startswith("No messages since ")
        was_pushed_to(brand_a, range(1, 2))
        assert status_of(brand_a).level is Level.RECEIVING

    @pytest.mark.parametrize("days", [1, 5, 6.2, 6.9, 7, 7.1, 30])
    def test_a_long_silence_still_needs_attention(
        self, brand_a: OfficialAccount, days: float
    ) -> None:
        was_pushed_to(brand_a, range(int(24 * days), int(24 * days) + 24 * 10))

        assert status_of(brand_a).text.startswith("No messages since ")

    def test_only_the_last_week_of_pushes_decides_what_is_usual(
        self, brand_a: OfficialAccount
    ) -> None:
        was_pushed_to(brand_a, range(5, 100))
        was_pushed_to(brand_a, range(5 + 24 * 7 + 1, 5 + 24 * 7 + 2))

        assert status_of(brand_a).level is Level.WARNING

    @pytest.mark.parametrize(("hours", "level"), [(167, Level.RECEIVING), (169, Level.QUIET)])
    def test_an_account_with_few_messages_is_quiet_after_a_week(
        self, brand_a: OfficialAccount, hours: int, level: Level
    ) -> None:
        was_pushed_to(brand_a, range(hours, hours + 3))
        status = status_of(brand_a)

        assert status.level is level
        assert status.text.startswith("Last message on 20") == (level is Level.QUIET)
