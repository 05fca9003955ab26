"""Alerts are sent once, as one message, in one language, and within the hourly limit."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from verification.alerts.channels import configured_channels
from verification.alerts.watch import Watch
from verification.models import OfficialAccount
from verification.tests.alerts.conftest import Clock, Sent
from verification.tests.support.accounts import make_account, record_as_they_are
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import wechat_verifies
from verification.tests.support.wecom_robot import Robot

# --- Once


def test_a_restart_sends_nothing_twice(
    connected: OfficialAccount, robot: Robot, sent: Sent
) -> None:
    wechat_verifies(connected, B)
    sent()
    robot.received.clear()
    Watch(configured_channels()).run_round()

    assert robot.received == []


def test_what_happened_while_no_watch_ran_is_reported(
    connected: OfficialAccount, robot: Robot
) -> None:
    wechat_verifies(connected, B)
    Watch(configured_channels()).run_round()

    assert "is refused" in robot.received[-1]


def test_only_one_of_two_watches_works_at_a_time(
    connected: OfficialAccount, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, results = Watch(watch.channels), []
    monkeypatch.setattr(watch.channels[0], "send", lambda _: results.append(other.run_round()))
    wechat_verifies(connected, B)
    results.append(watch.run_round())

    assert [result.has_lease for result in results] == [False, True]


# --- As a message


def test_many_at_once_are_one_message_that_wecom_takes(sent: Sent, robot: Robot) -> None:
    sent()
    for number in range(30):
        account = make_account(f"brand-{number}", f"TokenOfBrand{number}xxxx")
        wechat_verifies(account, f"TokenOfBrand{number}xxxx")
    message = sent()

    assert len(message.encode()) <= 2048
    assert message.splitlines()[-1].endswith(" more alerts.")
    assert sent() == ""


def test_beyond_the_hourly_limit_alerts_wait_for_one_message(
    brand_a: OfficialAccount, brand_b: OfficialAccount, sent: Sent, settings: Any, clock: Clock
) -> None:
    settings.ALERT_MESSAGES_PER_HOUR = 1
    wechat_verifies(brand_a, A)
    assert (
        "This is the last message that the hourly limit permits. The next one comes at " in sent()
    )
    wechat_verifies(brand_b, B)
    assert sent() == ""
    wechat_verifies(brand_b, A)
    assert sent() == ""
    wechat_verifies(brand_b, B)
    assert sent() == ""

    clock.advance(hours=1)
    message = sent()
    assert "“Brand-B” answered WeChat for the first time" in message
    assert "“Brand-B” is refused, after it had worked" in message
    assert "“Brand-B” is accepted again" in message


def test_a_long_name_in_chinese_is_cut_between_characters(sent: Sent) -> None:
    sent()
    account = make_account("long", "TokenOfLongName1")
    OfficialAccount.objects.filter(pk=account.pk).update(name="长\n" * 50)
    record_as_they_are()
    wechat_verifies(account, "TokenOfLongName1")

    assert sent().startswith("“长 长 长")


@pytest.mark.parametrize(("language", "words"), [("en", "characters missing"), ("zh-hans", "令牌")])
def test_a_message_is_in_the_configured_language_and_without_any_token(
    connected: OfficialAccount, sent: Sent, settings: Any, language: str, words: str
) -> None:
    settings.ALERT_LANGUAGE = language
    wechat_verifies(connected, A[:-1])
    message = sent()

    assert words in message
    assert A[:-1] not in message


def test_no_transaction_is_open_while_a_message_is_sent(
    connected: OfficialAccount, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    depths: list[int] = []
    note_depth = lambda _: depths.append(len(connection.savepoint_ids))  # noqa: E731
    monkeypatch.setattr(watch.channels[0], "send", note_depth)
    before = len(connection.savepoint_ids)
    wechat_verifies(connected, B)
    watch.run_round()

    assert depths == [before]
