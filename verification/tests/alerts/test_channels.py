"""What happens to an alert when a channel fails, and that callbacks use no channel."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from verification.alerts.channels import configured_channels
from verification.alerts.watch import Watch
from verification.models import OfficialAccount
from verification.tests.alerts.conftest import Sent
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import wechat_pushes, wechat_verifies
from verification.tests.support.mail_server import MailServer
from verification.tests.support.wecom_robot import KEY, Robot

REFUSALS = [
    (200, '{"errcode":93000,"errmsg":"invalid webhook url"}', "errcode 93000: the key in"),
    (200, '{"errcode":45009}', "errcode 45009: too many messages in one minute"),
    (200, '{"errcode":-1}', "refused the message with errcode -1."),
    (200, "[]", "did not answer as expected (the answer is not WeCom's)."),
    (200, "{}", "did not answer as expected (the answer is not WeCom's)."),
    (200, "<html>", "did not answer as expected (the answer is not WeCom's)."),
    (500, "", "did not answer as expected (status 500)."),
]


@pytest.mark.parametrize(("status", "answer", "why"), REFUSALS)
def test_a_message_that_wecom_refuses_is_sent_again(
    connected: OfficialAccount,
    sent: Sent,
    robot: Robot,
    caplog: pytest.LogCaptureFixture,
    status: int,
    answer: str,
    why: str,
) -> None:
    wechat_verifies(connected, B)
    robot.status, robot.answer = status, answer
    assert sent() == ""
    assert caplog.messages[-1].startswith("Could not send by wecom, will retry: WeCom ")
    assert why in caplog.messages[-1]

    robot.reset()
    assert "is refused" in sent()


def test_an_answer_that_takes_too_long_is_abandoned(
    connected: OfficialAccount, watch: Watch, robot: Robot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verification.alerts.channels.WECOM_TIMEOUT", 0.2)
    wechat_verifies(connected, B)
    robot.delay = 0.1  # before each byte of 27

    assert watch.run_round().failed_channels == ["wecom"]


def test_mail_is_sent_too_even_when_wecom_fails(
    connected: OfficialAccount, robot: Robot, mails: MailServer
) -> None:
    robot.status = 500
    wechat_verifies(connected, B)
    watch = Watch(configured_channels())

    assert watch.run_round().failed_channels == ["wecom"]
    assert watch.run_round().failed_channels == ["wecom"]
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

    assert Watch(configured_channels()).run_round().failed_channels == ["email"]
    assert caplog.messages[-1].endswith("the mail server did not accept the message (code 550).")
    assert "hunter2" not in caplog.text


def test_no_line_holds_the_key_of_the_robot(
    connected: OfficialAccount, sent: Sent, robot: Robot, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    for answer in (robot.answer, '{"errcode":93000}', "<html>"):
        robot.answer = answer
        wechat_verifies(connected, B)
        sent()

    assert KEY not in caplog.text


# --- Never in the request path


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
