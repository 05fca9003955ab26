"""`manage.py watch` as a worker or a scheduler runs it."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.utils import timezone

from verification.alerts import lease
from verification.alerts.watch import Round, Watch
from verification.management.commands import watch as command
from verification.models import OfficialAccount, VerificationAttempt, WatchPosition
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import wechat_verifies
from verification.tests.support.checkout import Checkout, assert_one_sentence, on_test_database
from verification.tests.support.gunicorn import free_port
from verification.tests.support.mail_server import MailServer
from verification.tests.support.tampering import as_owner
from verification.tests.support.wecom_robot import KEY, Robot


@pytest.fixture(autouse=True)
def _signals_as_they_were() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[Any]]:
    """Return the JSON lines of an event that were printed."""
    handler = Lines()
    monkeypatch.setattr(logging.getLogger("verification.attempts"), "handlers", [handler])
    return lambda event: [line for line in handler.lines if line["event"] == event]


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(record.getMessage()))


# --- Once, for a scheduler


@pytest.fixture
def refused(transactional_db: None) -> OfficialAccount:
    """Brand A, which was accepted once and is refused now."""
    account = make_account("brand-a", A)
    assert (wechat_verifies(account, A), wechat_verifies(account, B)) == (200, 403)
    return account


def test_once_sends_alerts_prints_the_head_and_exits_0(
    refused: OfficialAccount, robot: Robot, tmp_path: Path
) -> None:
    checkout = Checkout(tmp_path)
    first = checkout.manage_test_database("watch", "--once", ALERT_WECOM_WEBHOOK=robot.url)
    again = checkout.manage_test_database("watch", "--once", ALERT_WECOM_WEBHOOK=robot.url)

    assert (first.returncode, first.stderr, again.returncode) == (0, "", 0)
    [message] = robot.received
    assert "“Brand-A” is refused, after it had worked" in message
    heads = [line for line in again.stdout.splitlines() if '"chain_head"' in line]
    assert [json.loads(head)["head"][:2] for head in heads] == ["2:"]
    assert A not in first.stdout + message
    assert KEY not in first.stdout


def test_once_exits_1_when_a_channel_fails(
    refused: OfficialAccount, robot: Robot, tmp_path: Path
) -> None:
    robot.answer = '{"errcode":93000,"errmsg":"invalid webhook url"}'
    result = Checkout(tmp_path).manage_test_database(
        "watch", "--once", ALERT_WECOM_WEBHOOK=robot.url
    )

    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "Could not send by wecom: the lines above say why." in result.stderr
    assert "errcode 93000" in result.stdout
    assert KEY not in result.stdout + result.stderr


def test_once_exits_1_when_the_log_was_altered(
    refused: OfficialAccount, robot: Robot, tmp_path: Path
) -> None:
    as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '1' WHERE id = 1")
    result = Checkout(tmp_path).manage_test_database(
        "watch", "--once", ALERT_WECOM_WEBHOOK=robot.url
    )

    assert result.returncode == 1
    assert "The check of the log found a problem: run verify_audit." in result.stderr
    assert robot.received[0].startswith("The log is not intact\n")


@pytest.mark.django_db
def test_once_exits_1_when_the_gateway_is_not_ready(
    brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "find_problem", lambda: "The database only reads.")

    with pytest.raises(CommandError, match=r"^Not ready: The database only reads"):
        call_command("watch", once=True)


@pytest.mark.django_db
def test_without_a_channel_alerts_are_only_printed(
    brand_a: OfficialAccount, printed: Callable[[str], list[Any]]
) -> None:
    wechat_verifies(brand_a, A)
    call_command("watch", once=True)

    [alert] = printed("alert")
    assert alert["title"] == "“Brand-A” answered WeChat for the first time"


# --- As a worker


@contextmanager
def worker(place: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "watch"],
        cwd=Checkout(place).path,
        env=on_test_database(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait_for(robot: Robot, words: str) -> None:
    for _ in range(200):
        if any(words in text for text in robot.received):
            return
        time.sleep(0.05)
    raise AssertionError(robot.received)


def test_sigterm_ends_it_at_once_and_releases_the_lease(
    refused: OfficialAccount, robot: Robot, tmp_path: Path
) -> None:
    with worker(tmp_path, ALERT_WECOM_WEBHOOK=robot.url) as process:
        wait_for(robot, "is refused")
        process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        out, _ = process.communicate(timeout=10)

    assert time.monotonic() - started < 8  # not after the minute until its next round
    assert process.returncode == 0
    assert "Traceback" not in out
    assert WatchPosition.objects.filter(held_until__lte=timezone.now()).exists()


@pytest.mark.django_db
def test_sigterm_at_the_end_of_a_round_releases_the_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    release = lease.release
    interrupted: list[str] = []

    def interrupt_once(holder: str) -> None:
        if not interrupted:
            interrupted.append(holder)
            raise SystemExit(0)
        release(holder)

    monkeypatch.setattr(lease, "release", interrupt_once)
    with pytest.raises(SystemExit):
        Watch([]).run_round()

    assert WatchPosition.objects.filter(held_until__lte=timezone.now()).exists()


def test_sigterm_ends_it_while_wecom_keeps_it_waiting(
    refused: OfficialAccount, robot: Robot, tmp_path: Path
) -> None:
    robot.delay = 4.0
    with worker(tmp_path, ALERT_WECOM_WEBHOOK=robot.url) as process:
        wait_for(robot, "is refused")
        process.send_signal(signal.SIGTERM)
        started = time.monotonic()
        out, _ = process.communicate(timeout=10)

    assert time.monotonic() - started < 3  # not when the robot has answered
    assert (process.returncode, "Traceback" in out) == (0, False)
    assert WatchPosition.objects.filter(held_until__lte=timezone.now()).exists()


@pytest.fixture
def minutes(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that runs the loop for a number of minutes of a simulated clock."""

    def run(watch: Watch, minutes: float) -> None:
        now = 0.0

        def sleep(seconds: float) -> None:
            nonlocal now
            now += seconds
            if now >= minutes * 60:
                raise SystemExit(0)

        clock = SimpleNamespace(monotonic=lambda: now, sleep=sleep)
        monkeypatch.setattr(command, "time", clock)
        with pytest.raises(SystemExit):
            command.run_forever(watch)

    return run


def test_the_head_is_printed_every_5_minutes_even_when_nothing_came(
    watch: Watch, minutes: Any, printed: Callable[[str], list[Any]]
) -> None:
    minutes(watch, 11)

    heads = printed("chain_head")
    assert [head["head"] for head in heads] == [f"0:{'0' * 64}"] * 3


def test_it_waits_while_the_database_is_away(
    watch: Watch, minutes: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rounds = iter([OperationalError("hunter2"), OperationalError(), Round(), Round(), Round()])

    def run_round() -> None:
        if isinstance(outcome := next(rounds), OperationalError):
            raise outcome

    monkeypatch.setattr(watch, "run_round", run_round)
    monkeypatch.setattr(command, "find_problem", lambda: None)
    monkeypatch.setattr(connection, "close", lambda: None)
    with caplog.at_level("INFO", command.__name__):
        minutes(watch, 5)

    assert [
        record.getMessage() for record in caplog.records if record.name == command.__name__
    ] == [
        "Watching, with a round every 60 seconds.",
        "The database cannot be used (OperationalError); waiting.",
        "The database answers again.",
    ]


def test_a_problem_of_readiness_is_logged_once_and_so_is_its_end(
    watch: Watch, minutes: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    problems = iter([None, "The plan is full.", "The plan is full.", None, None])
    monkeypatch.setattr(watch, "run_round", Round)
    monkeypatch.setattr(command, "find_problem", lambda: next(problems))
    with caplog.at_level("INFO", command.__name__):
        minutes(watch, 5)

    assert [record.getMessage() for record in caplog.records if record.name == command.__name__][
        1:
    ] == [
        "Not ready: The plan is full.",
        "Ready again.",
    ]


# --- Test messages


@pytest.mark.django_db
def test_a_test_reaches_every_channel(
    robot: Robot, mails: MailServer, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("watch", test=True)

    assert capsys.readouterr().out.splitlines() == ["Sent by wecom.", "Sent by email."]
    assert robot.received == ["This is a test: alerts arrive here."]
    assert "alerts arrive here" in mails.mails[0].get_content()


@pytest.mark.django_db
def test_a_test_reaches_a_channel_even_if_the_other_one_fails(
    robot: Robot, mails: MailServer
) -> None:
    robot.status = 404
    with pytest.raises(CommandError, match=r"^Could not send by wecom: .* \(status 404\)\.$"):
        call_command("watch", test=True)

    assert len(mails.mails) == 1


@pytest.mark.django_db
def test_a_test_says_in_words_why_a_channel_fails(settings) -> None:
    settings.ALERT_WECOM_SECRET_URL = f"http://127.0.0.1:{free_port()}/cgi-bin/webhook/send?key=k"
    settings.ALERT_EMAIL_TO = []
    with pytest.raises(CommandError, match=r"as expected \(connection refused\)\.$"):
        call_command("watch", test=True)


@pytest.mark.process
def test_a_test_without_any_channel_says_what_to_set(tmp_path: Path) -> None:
    result = Checkout(tmp_path).manage_test_database("watch", "--test")

    assert "Set ALERT_WECOM_WEBHOOK" in assert_one_sentence(result)
