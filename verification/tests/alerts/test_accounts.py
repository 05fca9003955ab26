"""Alerts about accounts other than refusals, caused by real requests."""

from __future__ import annotations

from datetime import timedelta

from verification.accounts.pausing import pause, resume
from verification.accounts.tokens import rotate_token
from verification.models import OfficialAccount
from verification.tests.alerts.conftest import Clock, Sent
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import wechat_pushes, wechat_verifies, wecom_verifies
from verification.tests.support.wecom import make_wecom_app

NEW = "TokenOfBrandA1234New"


def test_the_first_success_is_reported_and_no_later_one(
    brand_a: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    assert sent() == ""
    wechat_verifies(brand_a, A)
    message = sent()
    assert message.startswith("“Brand-A” answered WeChat for the first time\nAt 20")
    assert A not in message

    clock.advance(hours=25)
    wechat_verifies(brand_a, A)
    pause(brand_a, LI_WEI)
    sent()
    resume(brand_a, LI_WEI)
    assert sent() == ""


def test_the_alerts_of_a_wecom_app_are_about_wecom(sent: Sent, clock: Clock) -> None:
    app = make_wecom_app("service", A)
    assert sent() == ""
    wecom_verifies(app, A)
    assert sent().startswith("“Service” answered WeCom for the first time")

    rotate_token(app, NEW, LI_WEI, keep_old=timedelta(hours=8))
    clock.advance(hours=6.5)
    message = sent()
    assert "WeCom has not used the new one" in message
    assert "press Save (保存)" in message
    wecom_verifies(app, NEW)
    assert sent().startswith("“Service”: WeCom uses the new token")


def test_a_success_before_the_first_round_is_not_reported(
    brand_a: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    wechat_verifies(brand_a, A)
    clock.advance(hours=25)

    assert sent() == ""


def test_a_rotation_about_to_end_unused_is_reported_and_so_is_its_completion(
    connected: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    rotate_token(connected, NEW, LI_WEI, keep_old=timedelta(hours=8))
    clock.advance(hours=5)
    assert sent() == ""
    clock.advance(hours=1.5)
    assert sent().startswith("“Brand-A”: the old token ends at 20")

    wechat_verifies(connected, NEW)
    assert sent().startswith("“Brand-A”: WeChat uses the new token")


def test_a_rotation_without_an_end_is_not_reported(
    connected: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    rotate_token(connected, NEW, LI_WEI)
    clock.advance(days=30)

    assert sent() == ""


def test_unusual_silence_is_reported_each_day_and_so_is_its_end(
    connected: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    for _ in range(30):
        clock.advance(hours=1)
        wechat_pushes(connected, A)
        assert sent() == ""
    clock.advance(hours=3)
    message = sent()
    assert "“Brand-A”: no messages since 20" in message
    assert "still enabled (启用)" in message
    assert sent() == ""
    clock.advance(hours=24)
    assert "no messages since" in sent()

    wechat_pushes(connected, A)
    assert sent().startswith("“Brand-A” is receiving messages again")


def test_silence_of_an_account_with_few_messages_is_not_reported(
    connected: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    for _ in range(10):
        clock.advance(hours=1)
        wechat_pushes(connected, A)
    clock.advance(hours=20)

    assert sent() == ""
