"""A live account moves to the gateway and away again, while followers write to it.

The system that it moves from checks WeChat's signatures itself, and is not changed.
"""

from __future__ import annotations

import itertools
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from verification.models import Backend, OfficialAccount, Tally
from verification.protocol.enums import Kind, Outcome
from verification.tests.support.accounts import make_account
from verification.tests.support.backend import waiting
from verification.tests.support.draining import wait_until, worker_process
from verification.tests.support.gunicorn import Gunicorn
from verification.tests.support.real_backends import TOKEN, stored_by_wechatpy, wechatpy_backend
from verification.tests.support.signer import verification
from verification.tests.support.waiting import states
from verification.tests.support.wechat import Mode, WeChat


class LiveAccount:
    """WeChat with an enabled account, to which followers write without a pause."""

    def __init__(self, server_url: str) -> None:
        self.server_url = server_url
        self.replies: dict[str, str] = {}  #: what followers see, by MsgId; empty for "success"
        self.failures: list[str] = []
        self.is_ending = False

    def submit(self, server_url: str) -> None:
        """Change the server URL in WeChat's console, which checks the new one first."""
        parameters = verification(TOKEN, echostr="4375120948345356249")
        separator = "&" if "?" in server_url else "?"
        with urllib.request.urlopen(f"{server_url}{separator}{parameters}", timeout=5) as answer:
            assert answer.read() == b"4375120948345356249"
        self.server_url = server_url

    def write(self) -> None:
        """Send one message after another, in plain and in security mode, until the test ends."""
        modes = itertools.cycle([Mode.PLAIN, Mode.SECURITY])
        for number, mode in zip(itertools.count(24690313861230000), modes):
            if self.is_ending:
                return
            wechat = WeChat(self.server_url, TOKEN, follower=f"oFollower{number % 100}")
            try:
                answer = wechat.push("你们几点开门？", str(number), mode)
                has_reply = answer != (200, b"success")
                self.replies[str(number)] = wechat.read_reply(answer) if has_reply else ""
            except Exception as error:  # the thread must not end with it
                self.failures.append(f"{number} at {wechat.url}: {error!r}")
            time.sleep(0.01)

    def wait_for_messages(self, count: int) -> None:
        """Wait until so many more messages have been answered."""
        enough = len(self.replies) + count
        deadline = time.monotonic() + 60
        while len(self.replies) < enough and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.failures == []
        assert len(self.replies) >= enough


@contextmanager
def live_account(server_url: str) -> Iterator[LiveAccount]:
    account = LiveAccount(server_url)
    followers = threading.Thread(target=account.write)
    followers.start()
    try:
        yield account
    finally:
        account.is_ending = True
        followers.join()


def pushes_of(account: OfficialAccount) -> dict[Outcome, int]:
    counts: dict[Outcome, int] = {}
    for tally in Tally.objects.filter(account_id=account.pk, kind=Kind.MESSAGE_PUSH.value):
        outcome = Outcome(tally.outcome)
        counts[outcome] = counts.get(outcome, 0) + tally.count
    return counts


@pytest.fixture(autouse=True)
def _admit_the_old_system(settings: Any, backend_port: int) -> None:
    settings.RELAY_PRIVATE_HOSTS = {f"127.0.0.1:{backend_port}"}


def test_an_account_moves_in_and_out_without_a_message_lost_or_refused(
    gunicorn: Gunicorn, tmp_path: Path, backend_port: int
) -> None:
    with wechatpy_backend(tmp_path, backend_port) as address:
        old_system = f"{address}?shop=12"
        with live_account(old_system) as live:
            live.wait_for_messages(10)

            brand_a = make_account("brand-a", TOKEN)
            call_command("set_backend", "brand-a", old_system, on_failure="resend")
            live.submit(f"{gunicorn.url}/wechat/brand-a")
            live.wait_for_messages(20)

            live.submit(old_system)
            live.wait_for_messages(10)

    assert live.failures == []
    assert set(live.replies.values()) == {"Thank you!"}
    assert stored_by_wechatpy(tmp_path).keys() == live.replies.keys()
    forwarded = pushes_of(brand_a)
    assert forwarded.keys() == {Outcome.ACCEPTED}
    # Of the messages waited for, one may have been on its way at each change.
    assert 19 <= forwarded[Outcome.ACCEPTED] <= len(live.replies) - 19


@pytest.mark.postgresql
def test_what_waited_is_delivered_before_the_account_moves_away(
    gunicorn: Gunicorn, tmp_path: Path, backend_port: int
) -> None:
    """The old system is down for a while. Its messages are kept, and WeChat is told `success`."""
    old_system = f"http://127.0.0.1:{backend_port}/wechat"
    brand_a = make_account("brand-a", TOKEN)
    call_command("set_backend", "brand-a", old_system, on_failure="keep")
    server_url = f"{gunicorn.url}/wechat/brand-a"
    with live_account(server_url) as live:
        live.wait_for_messages(10)  # while it is down
        assert set(live.replies.values()) == {""}

        host = f"127.0.0.1:{backend_port}"
        with wechatpy_backend(tmp_path, backend_port), worker_process(RELAY_PRIVATE_HOSTS=host):
            Backend.objects.update(next_probe_at=timezone.now())  # it would be 5 s later
            wait_until(lambda: not waiting(), 60)
            live.submit(old_system)
            live.wait_for_messages(10)
            wait_until(lambda: not waiting(), 60)
            live.is_ending = True

    assert live.failures == []
    assert {"", "Thank you!"} == set(live.replies.values())
    assert stored_by_wechatpy(tmp_path).keys() == live.replies.keys()
    assert set(states(brand_a)) == {"DELIVERED"}
