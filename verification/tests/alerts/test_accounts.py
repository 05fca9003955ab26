"""What is told of an account besides refusals, from real requests."""

from __future__ import annotations

from datetime import timedelta

from verification.accounts.pausing import pause, resume
from verification.accounts.tokens import rotate_token
from verification.models import OfficialAccount
from verification.tests.alerts.conftest import Clock, Told
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import wechat_pushes, wechat_verifies

NEW = "TokenOfBrandA1234New"


def test_its_first_success_is_told_and_no_later_one(
    brand_a: OfficialAccount, told: Told, clock: Clock
) -> None:
    assert told() == ""
    wechat_verifies(brand_a, A)
    said = told()
    assert said.startswith("“Brand-A” answered WeChat for the first time\nAt 20")
    assert A not in said

    clock.goes_on(hours=25)
    wechat_verifies(brand_a, A)
    pause(brand_a, LI_WEI)
    told()
    resume(brand_a, LI_WEI)
    assert told() == ""


def test_one_that_worked_before_anybody_watched_is_no_news(
    brand_a: OfficialAccount, told: Told, clock: Clock
) -> None:
    wechat_verifies(brand_a, A)
    clock.goes_on(hours=25)

    assert told() == ""


def test_a_rotation_about_to_end_unused_is_told_and_that_it_was_finished(
    connected: OfficialAccount, told: Told, clock: Clock
) -> None:
    rotate_token(connected, NEW, LI_WEI, keep_old=timedelta(hours=8))
    clock.goes_on(hours=5)
    assert told() == ""
    clock.goes_on(hours=1.5)
    assert told().startswith("“Brand-A”: the old token ends at 20")

    wechat_verifies(connected, NEW)
    assert told().startswith("“Brand-A”: WeChat uses the new token")


def test_a_rotation_without_an_end_is_not(
    connected: OfficialAccount, told: Told, clock: Clock
) -> None:
    rotate_token(connected, NEW, LI_WEI)
    clock.goes_on(days=30)

    assert told() == ""


def test_silence_where_there_was_none_is_told_each_day_and_that_it_is_over(
    connected: OfficialAccount, told: Told, clock: Clock
) -> None:
    for _ in range(30):
        clock.goes_on(hours=1)
        wechat_pushes(connected, A)
        assert told() == ""
    clock.goes_on(hours=3)
    said = told()
    assert "“Brand-A”: no messages since 20" in said
    assert "still enabled (启用)" in said
    assert told() == ""
    clock.goes_on(hours=24)
    assert "no messages since" in told()

    wechat_pushes(connected, A)
    assert told().startswith("“Brand-A” is receiving messages again")


def test_an_account_of_few_messages_is_not_missed(
    connected: OfficialAccount, told: Told, clock: Clock
) -> None:
    for _ in range(10):
        clock.goes_on(hours=1)
        wechat_pushes(connected, A)
    clock.goes_on(hours=20)

    assert told() == ""
