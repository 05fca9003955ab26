"""Fixtures: accounts that WeChat calls, and a watch whose messages go to a WeCom robot."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from verification.alerts import clock_conditions
from verification.alerts.channels import configured_channels
from verification.alerts.watch import Watch
from verification.callbacks import recording
from verification.models import OfficialAccount
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import wechat_verifies
from verification.tests.support.mail_server import MailServer, mail_server
from verification.tests.support.wecom_robot import Robot, running_robot

Sent = Callable[[], str]


@pytest.fixture(scope="session")
def one_robot() -> Iterator[Robot]:
    with running_robot() as robot:
        yield robot


@pytest.fixture
def robot(one_robot: Robot, settings: Any, db: None) -> Robot:
    settings.ALERT_WECOM_SECRET_URL = one_robot.url
    settings.PUBLIC_URL = "https://wx.example.cn"
    one_robot.reset()
    return one_robot


@pytest.fixture
def mails(settings: Any) -> Iterator[MailServer]:
    """A mail server that receives the mail to li.wei."""
    settings.ALERT_EMAIL_TO = ["li.wei@example.cn"]
    settings.ALERT_EMAIL_FROM = "gateway@example.cn"
    with mail_server() as server:
        settings.ALERT_EMAIL_SERVER = {"host": "127.0.0.1", "port": server.port}
        yield server


@pytest.fixture
def watch(robot: Robot) -> Watch:
    return Watch(configured_channels())


@pytest.fixture
def sent(watch: Watch, robot: Robot) -> Sent:
    """Run a round, and return the message it sent or an empty text. There is at most one."""

    def run_round() -> str:
        before = len(robot.received)
        assert watch.run_round().has_lease
        assert len(robot.received) <= before + 1
        return "".join(robot.received[before:])

    return run_round


@pytest.fixture
def connected(brand_a: OfficialAccount, sent: Sent) -> OfficialAccount:
    wechat_verifies(brand_a, A)
    sent()
    return brand_a


class Clock:
    """The clock of the server and of the watch."""

    ahead = timedelta()

    def advance(self, **time: float) -> None:
        self.ahead += timedelta(**time)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(timezone, "now", clock.now)
    monkeypatch.setattr(recording, "recording_time", lambda *_: clock.now())
    # The database's clock stays where it is.
    monkeypatch.setattr(clock_conditions, "find_clock_differences", list)
    return clock
