"""Alerts about refusals; each refusal is a real request."""

from __future__ import annotations

from django.test import Client

from verification.accounts.pausing import pause
from verification.models import OfficialAccount
from verification.tests.alerts.conftest import Clock, Sent
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import (
    call,
    query_is_lost,
    we_test,
    wechat_goes_astray,
    wechat_pushes,
    wechat_verifies,
)


def test_the_first_refusal_after_a_success_is_reported_with_its_cause(
    connected: OfficialAccount, brand_b: OfficialAccount, sent: Sent
) -> None:
    wechat_verifies(connected, B)
    message = sent()

    assert message.startswith("“Brand-A” is refused, after it had worked\nAt 20")
    assert "token of “Brand-B”" in message
    assert "https://wx.example.cn/admin/verification/verificationattempt/2/change/" in message
    wechat_verifies(connected, B)
    assert sent() == ""


def test_it_is_over_when_wechat_passes_again(connected: OfficialAccount, sent: Sent) -> None:
    wechat_verifies(connected, B)
    sent()
    wechat_pushes(connected, A)

    assert sent().startswith("“Brand-A” is accepted again\nThe last request")
    assert sent() == ""


def test_refusals_during_the_setup_of_an_account_are_not_reported(
    brand_a: OfficialAccount, sent: Sent
) -> None:
    wechat_verifies(brand_a, B)

    assert sent() == ""


def test_a_refusal_after_the_first_success_is_reported_even_within_one_round(
    brand_a: OfficialAccount, sent: Sent
) -> None:
    for token in (B, A, B):
        wechat_verifies(brand_a, token)
    message = sent()

    assert "“Brand-A” is refused, after it had worked" in message
    assert "/verificationattempt/3/change/" in message


def test_many_refusals_within_minutes_are_reported_once(
    brand_a: OfficialAccount, sent: Sent
) -> None:
    for _ in range(4):
        wechat_verifies(brand_a, B)
    assert sent() == ""
    wechat_verifies(brand_a, B)

    assert sent().startswith("“Brand-A” was refused 5 times within 10 minutes\n")
    wechat_verifies(brand_a, B)
    assert sent() == ""


def test_refusals_far_apart_do_not_add_up(
    brand_a: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    for _ in range(6):
        wechat_verifies(brand_a, B)
        clock.advance(minutes=11)

    assert sent() == ""


def test_refusals_between_two_distant_rounds_add_up(
    brand_a: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    for _ in range(5):
        wechat_verifies(brand_a, B)
        clock.advance(minutes=1)
    clock.advance(hours=5)
    wechat_verifies(brand_a, B)

    assert "was refused 5 times" in sent()


def test_noise_self_tests_and_paused_accounts_are_not_counted(
    connected: OfficialAccount, sent: Sent
) -> None:
    for _ in range(6):
        Client().get(connected.server_path)
        Client().put(connected.server_path)
        we_test(connected, B)
        call("/wechat/nobody", A)
    pause(connected, LI_WEI)
    for _ in range(6):
        wechat_verifies(connected, A)

    assert sent() == ""


def test_a_problem_that_comes_and_goes_is_reported_once_an_hour(
    connected: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    messages = []
    for token in (B, A) * 3:
        wechat_verifies(connected, token)
        messages.append(sent())
    assert "is refused, after it had worked" in messages[0]
    assert "is accepted again" in messages[1]
    assert messages[2:] == [""] * 4

    clock.advance(hours=1)
    wechat_verifies(connected, B)
    assert "is refused" in sent()


def test_a_problem_that_continues_is_reported_again_after_a_day(
    connected: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    wechat_verifies(connected, B)
    sent()
    clock.advance(hours=23)
    wechat_verifies(connected, B)
    assert sent() == ""
    clock.advance(hours=2)

    assert sent().startswith("“Brand-A” is refused")
    assert sent() == ""


def test_a_refusal_that_nothing_follows_for_a_day_is_over(
    connected: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    wechat_verifies(connected, B)
    sent()
    clock.advance(hours=25)
    assert sent() == ""
    wechat_verifies(connected, B)

    assert sent().startswith("“Brand-A” is refused")


def test_a_refusal_is_reported_even_if_wechat_has_called_a_wrong_address_since(
    connected: OfficialAccount, brand_b: OfficialAccount, sent: Sent
) -> None:
    wechat_verifies(connected, B)
    wechat_goes_astray("/wechat/elsewhere", A)
    message = sent()

    assert message.startswith("“Brand-A” is refused, after it had worked\nAt 20")
    assert "No account has the address “/wechat/elsewhere”" in message
    assert "/verificationattempt/3/change/" in message


def test_a_call_to_a_wrong_address_continues_the_alert_until_wechat_passes_again(
    connected: OfficialAccount, brand_b: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    wechat_verifies(connected, B)
    assert "is refused" in sent()
    clock.advance(hours=23)
    wechat_goes_astray("/wechat/elsewhere", A)
    assert sent() == ""
    clock.advance(hours=2)
    assert sent().startswith("“Brand-A” is refused")

    wechat_verifies(connected, A)
    assert sent().startswith("“Brand-A” is accepted again")


def test_calls_that_lose_their_query_string_are_reported_until_wechat_passes_again(
    connected: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    query_is_lost(connected, times=2)
    assert sent() == ""
    query_is_lost(connected)
    message = sent()
    assert message.startswith("“Brand-A”: calls arrive without their query string\nAt 20")
    assert "something on the way has removed the query string" in message
    assert "/verificationattempt/4/change/" in message
    query_is_lost(connected, times=3)
    assert sent() == ""

    clock.advance(minutes=5)
    wechat_pushes(connected, A)
    assert sent().startswith("“Brand-A” is accepted again")


def test_before_the_first_success_lost_query_strings_are_not_reported(
    brand_a: OfficialAccount, sent: Sent
) -> None:
    query_is_lost(brand_a, times=5)

    assert sent() == ""
