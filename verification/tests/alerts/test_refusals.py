"""What is told of refusals; each of them is a real request."""

from __future__ import annotations

from django.test import Client

from verification.accounts.pausing import pause
from verification.models import OfficialAccount
from verification.tests.alerts.conftest import Clock, Told
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import call, we_test, wechat_pushes, wechat_verifies


def test_the_first_after_a_success_is_told_with_its_cause(
    connected: OfficialAccount, brand_b: OfficialAccount, told: Told
) -> None:
    wechat_verifies(connected, B)
    said = told()

    assert said.startswith("“Brand-A” is refused, after it had worked\nAt 20")
    assert "token of “Brand-B”" in said
    assert "https://wx.example.cn/admin/verification/verificationattempt/2/change/" in said
    wechat_verifies(connected, B)
    assert told() == ""


def test_it_is_over_when_wechat_passes_again(connected: OfficialAccount, told: Told) -> None:
    wechat_verifies(connected, B)
    told()
    wechat_pushes(connected, A)

    assert told().startswith("“Brand-A” is accepted again\nThe last request")
    assert told() == ""


def test_who_sets_an_account_up_is_left_in_peace(brand_a: OfficialAccount, told: Told) -> None:
    wechat_verifies(brand_a, B)

    assert told() == ""


def test_one_after_the_first_success_is_told_even_if_no_look_lies_between_them(
    brand_a: OfficialAccount, told: Told
) -> None:
    for token in (B, A, B):
        wechat_verifies(brand_a, token)
    said = told()

    assert "“Brand-A” is refused, after it had worked" in said
    assert "/verificationattempt/3/change/" in said


def test_so_many_in_so_many_minutes_are_told_once(brand_a: OfficialAccount, told: Told) -> None:
    for _ in range(4):
        wechat_verifies(brand_a, B)
    assert told() == ""
    wechat_verifies(brand_a, B)

    assert told().startswith("“Brand-A” was refused 5 times within 10 minutes\n")
    wechat_verifies(brand_a, B)
    assert told() == ""


def test_those_of_hours_ago_do_not_add_up(
    brand_a: OfficialAccount, told: Told, clock: Clock
) -> None:
    for _ in range(6):
        wechat_verifies(brand_a, B)
        clock.goes_on(minutes=11)

    assert told() == ""


def test_those_between_two_rare_looks_do(
    brand_a: OfficialAccount, told: Told, clock: Clock
) -> None:
    for _ in range(5):
        wechat_verifies(brand_a, B)
        clock.goes_on(minutes=1)
    clock.goes_on(hours=5)
    wechat_verifies(brand_a, B)

    assert "was refused 5 times" in told()


def test_noise_self_tests_and_paused_accounts_are_not_counted(
    connected: OfficialAccount, told: Told
) -> None:
    for _ in range(6):
        Client().get(connected.server_path)
        Client().put(connected.server_path)
        we_test(connected, B)
        call("/wechat/nobody", A)
    pause(connected, LI_WEI)
    for _ in range(6):
        wechat_verifies(connected, A)

    assert told() == ""


def test_an_account_that_comes_and_goes_is_told_once_an_hour(
    connected: OfficialAccount, told: Told, clock: Clock
) -> None:
    said = []
    for token in (B, A) * 3:
        wechat_verifies(connected, token)
        said.append(told())
    assert "is refused, after it had worked" in said[0]
    assert "is accepted again" in said[1]
    assert said[2:] == [""] * 4

    clock.goes_on(hours=1)
    wechat_verifies(connected, B)
    assert "is refused" in told()


def test_one_that_goes_on_is_told_again_after_a_day(
    connected: OfficialAccount, told: Told, clock: Clock
) -> None:
    wechat_verifies(connected, B)
    told()
    clock.goes_on(hours=23)
    wechat_verifies(connected, B)
    assert told() == ""
    clock.goes_on(hours=2)

    assert told().startswith("“Brand-A” is refused")
    assert told() == ""


def test_one_that_nothing_followed_for_a_day_is_forgotten(
    connected: OfficialAccount, told: Told, clock: Clock
) -> None:
    wechat_verifies(connected, B)
    told()
    clock.goes_on(hours=25)
    assert told() == ""
    wechat_verifies(connected, B)

    assert told().startswith("“Brand-A” is refused")
