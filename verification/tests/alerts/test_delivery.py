"""How it is told: once, in one message, in one language, and only so often."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection

from verification.alerts.channels import configured_channels
from verification.alerts.watch import Watch
from verification.models import OfficialAccount
from verification.tests.alerts.conftest import Clock, Told
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import wechat_verifies
from verification.tests.support.wecom import Robot

# --- Once


def test_a_restart_tells_nothing_twice(
    connected: OfficialAccount, robot: Robot, told: Told
) -> None:
    wechat_verifies(connected, B)
    told()
    robot.received.clear()
    Watch(configured_channels()).take_round()

    assert robot.received == []


def test_what_came_while_nobody_watched_is_told(connected: OfficialAccount, robot: Robot) -> None:
    wechat_verifies(connected, B)
    Watch(configured_channels()).take_round()

    assert "is refused" in robot.received[-1]


def test_of_two_that_watch_one_looks(
    connected: OfficialAccount, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, results = Watch(watch.channels), []
    monkeypatch.setattr(watch.channels[0], "send", lambda _: results.append(other.take_round()))
    wechat_verifies(connected, B)
    results.append(watch.take_round())

    assert [result.is_ours for result in results] == [False, True]


# --- As a message


def test_many_at_once_are_one_message_that_wecom_takes(told: Told, robot: Robot) -> None:
    told()
    for number in range(30):
        account = make_account(f"brand-{number}", f"TokenOfBrand{number}xxxx")
        wechat_verifies(account, f"TokenOfBrand{number}xxxx")
    said = told()

    assert len(said.encode()) <= 2048
    assert said.splitlines()[-1].endswith(" more alerts.")
    assert told() == ""


def test_an_hour_has_so_many_messages_and_the_rest_comes_as_one(
    brand_a: OfficialAccount, brand_b: OfficialAccount, told: Told, settings: Any, clock: Clock
) -> None:
    settings.ALERT_MESSAGES_PER_HOUR = 1
    wechat_verifies(brand_a, A)
    assert "So many messages came within an hour that the next one comes at " in told()
    wechat_verifies(brand_b, B)
    assert told() == ""
    wechat_verifies(brand_b, A)
    assert told() == ""
    wechat_verifies(brand_b, B)
    assert told() == ""

    clock.goes_on(hours=1)
    said = told()
    assert "“Brand-B” answered WeChat for the first time" in said
    assert "“Brand-B” is refused, after it had worked" in said
    assert "“Brand-B” is accepted again" in said


def test_a_long_name_in_chinese_is_cut_between_characters(told: Told) -> None:
    told()
    account = make_account("long", "TokenOfLongName1")
    OfficialAccount.objects.filter(pk=account.pk).update(name="长\n" * 50)
    wechat_verifies(account, "TokenOfLongName1")

    assert told().startswith("“长 长 长")


@pytest.mark.parametrize(("language", "words"), [("en", "characters missing"), ("zh-hans", "令牌")])
def test_it_is_told_in_its_own_language_without_any_token(
    connected: OfficialAccount, told: Told, settings: Any, language: str, words: str
) -> None:
    settings.ALERT_LANGUAGE = language
    wechat_verifies(connected, A[:-1])
    said = told()

    assert words in said
    assert A[:-1] not in said


def test_nothing_is_open_while_a_message_is_sent(
    connected: OfficialAccount, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    depths: list[int] = []
    note_depth = lambda _: depths.append(len(connection.savepoint_ids))  # noqa: E731
    monkeypatch.setattr(watch.channels[0], "send", note_depth)
    before = len(connection.savepoint_ids)
    wechat_verifies(connected, B)
    watch.take_round()

    assert depths == [before]
