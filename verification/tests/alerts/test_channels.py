"""What becomes of an alert whatever a channel does; and what no channel ever has to do with."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from verification.alerts.channels import configured_channels
from verification.alerts.watch import Watch
from verification.models import OfficialAccount
from verification.tests.alerts.conftest import Told
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import wechat_pushes, wechat_verifies
from verification.tests.support.mail_server import MailServer
from verification.tests.support.wecom import KEY, Robot

REFUSALS = [
    (200, '{"errcode":93000,"errmsg":"invalid webhook url"}', "errcode 93000: the key in"),
    (200, '{"errcode":45009}', "errcode 45009: too many messages in one minute"),
    (200, '{"errcode":-1}', "refused the message with errcode -1."),
    (200, "[]", "did not answer as it should (TypeError)."),
    (200, "{}", "did not answer as it should (KeyError)."),
    (200, "<html>", "did not answer as it should (JSONDecodeError)."),
    (500, "", "did not answer as it should (status 500)."),
]


@pytest.mark.parametrize(("status", "answer", "why"), REFUSALS)
def test_what_wecom_did_not_take_is_tried_again(
    connected: OfficialAccount,
    told: Told,
    robot: Robot,
    caplog: pytest.LogCaptureFixture,
    status: int,
    answer: str,
    why: str,
) -> None:
    wechat_verifies(connected, B)
    robot.status, robot.answer = status, answer
    assert told() == ""
    assert caplog.messages[-1].startswith("Not told by wecom, to be tried again: WeCom ")
    assert why in caplog.messages[-1]

    robot.reset()
    assert "is refused" in told()


def test_one_that_dawdles_is_cut_off(
    connected: OfficialAccount, watch: Watch, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verification.alerts.channels.WECOM_PATIENCE", 0.2)
    wechat_verifies(connected, B)
    robot.delay = 0.1  # before each byte of 27

    assert watch.take_round().failed == ["wecom"]


def test_a_mail_tells_it_too_and_even_when_wecom_does_not(
    connected: OfficialAccount, robot: Robot, mails: MailServer
) -> None:
    robot.status = 500
    wechat_verifies(connected, B)
    watch = Watch(configured_channels())

    assert watch.take_round().failed == ["wecom"]
    assert watch.take_round().failed == ["wecom"]
    [mail] = mails.mails
    assert mail["To"] == "li.wei@example.cn"
    assert mail["Subject"].strip() == "[wechat_gateway] “Brand-A” is refused, after it had worked"
    assert "/admin/verification/verificationattempt/2/change/" in mail.get_content()


def test_a_mail_server_that_refuses_quotes_no_password(
    connected: OfficialAccount,
    mails: MailServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    mails.is_refusing = True
    wechat_verifies(connected, B)

    assert Watch(configured_channels()).take_round().failed == ["email"]
    assert caplog.messages[-1].endswith("the mail server did not take it (code 550).")
    assert "hunter2" not in caplog.text


def test_no_line_holds_the_key_of_the_robot(
    connected: OfficialAccount, told: Told, robot: Robot, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for answer in (robot.answer, '{"errcode":93000}', "<html>"):
        robot.answer = answer
        wechat_verifies(connected, B)
        told()

    assert KEY not in caplog.text


# --- Never on the way of a request


def test_a_callback_connects_to_nothing(
    connected: OfficialAccount, robot: Robot, mails: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, lambda *who, name=name: asked.append((name, who)))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *who, **_: asked.append(who))
    robot.received.clear()
    answers = [wechat_verifies(connected, A), wechat_pushes(connected, A)]
    answers += [wechat_verifies(connected, B) for _ in range(6)]

    assert answers == [200, 200, *[403] * 6]
    assert (asked, robot.received, mails.mails) == ([], [], [])
