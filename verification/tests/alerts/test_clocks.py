"""Alerts about clocks that differ."""

from __future__ import annotations

import time
from datetime import timedelta

from django.utils import timezone

from verification.callbacks.recording import verify
from verification.models import ChainHead, OfficialAccount
from verification.tests.alerts.conftest import Sent
from verification.tests.support.adapter import A
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import verification


def wechat_signs(seconds_ago: int, nonce: str) -> None:
    """Send a URL verification whose timestamp is so many seconds old, or from the future."""
    timestamp = str(int(time.time()) - seconds_ago)
    verify([make_callback(verification(A, timestamp=timestamp, nonce=nonce))])


def test_three_late_verifications_in_a_row_are_reported_once_with_both_clocks(
    brand_a: OfficialAccount, sent: Sent
) -> None:
    wechat_signs(95, "1")
    wechat_signs(120, "2")
    assert "Clocks differ" not in sent()
    wechat_signs(100, "3")
    message = sent()

    assert message.startswith("Clocks differ\nSeen at 20")
    assert "WeChat signed 3 URL verifications in a row 95 seconds or more before this" in message
    assert sent() == ""


def test_a_verification_on_time_ends_it(brand_a: OfficialAccount, sent: Sent) -> None:
    for nonce in "123":
        wechat_signs(100, nonce)
    assert "Clocks differ" in sent()
    wechat_signs(0, "4")

    assert sent().startswith("The clocks agree again\n")


def test_a_url_that_was_kept_and_sent_again_says_nothing_of_the_clock(
    brand_a: OfficialAccount, sent: Sent
) -> None:
    timestamp = str(int(time.time()) - 1000)
    for _ in range(5):
        verify([make_callback(verification(A, timestamp=timestamp, nonce="1"))])

    assert "Clocks differ" not in sent()


def test_one_verification_from_the_future_is_reported(brand_a: OfficialAccount, sent: Sent) -> None:
    wechat_signs(-90, "1")

    assert "90 seconds after this server's clock, which may be slow." in sent()


def test_refusals_say_nothing_of_the_clock(brand_a: OfficialAccount, sent: Sent) -> None:
    timestamp = str(int(time.time()) + 1000)
    wrong = "WrongTokenOfB5678"
    verify([make_callback(verification(wrong, timestamp=timestamp, nonce="1"))])

    assert "Clocks differ" not in sent()


def test_a_log_that_is_ahead_is_reported(brand_a: OfficialAccount, sent: Sent) -> None:
    wechat_signs(0, "1")
    ChainHead.objects.update(last_recorded_at=timezone.now() + timedelta(days=1))

    assert "The last attempt is dated 20" in sent()
