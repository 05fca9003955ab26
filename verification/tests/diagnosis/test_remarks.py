"""Remarks are made where they apply, and only there."""

from __future__ import annotations

import time
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from verification.diagnosis import Remark, remark_on
from verification.diagnosis.remarks import format_duration
from verification.models import OfficialAccount, VerificationAttempt
from verification.tests.support.adapter import A, B, last_attempt
from verification.tests.support.admin_client import call, wechat_verifies
from verification.tests.support.signer import verification
from verification.tests.support.tampering import as_owner

HERE = {"Host": "wx.example.cn", "User-Agent": "Mozilla/4.0"}


def remarks() -> dict[str, Remark]:
    return {remark.name: remark for remark in remark_on(last_attempt())}


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, ""), (290, ""), (-290, ""), (430, "7 minutes behind"), (-430, "7 minutes ahead")],
)
def test_clocks_may_differ_by_five_minutes(
    brand_a: OfficialAccount, seconds: int, words: str
) -> None:
    wechat_verifies(brand_a, A, timestamp=str(int(time.time()) - seconds))

    assert ("clock_off" in remarks()) == bool(words)
    assert words in (remarks()["clock_off"].text if words else "")


@pytest.mark.parametrize("timestamp", ["0", "99999999999999999999"])
def test_a_timestamp_that_no_clock_has_is_called_made_up(
    brand_a: OfficialAccount, timestamp: str
) -> None:
    wechat_verifies(brand_a, A, timestamp=timestamp)
    text = remarks()["clock_off"].text

    assert f"Its timestamp “{timestamp}” cannot be the time of a request" in text
    assert "days" not in text


@pytest.mark.parametrize("length", [3, 5, 9])
def test_a_timestamp_that_was_cut_off_is_not_called_made_up(
    brand_a: OfficialAccount, length: int
) -> None:
    timestamp = str(int(time.time()))[:length]
    wechat_verifies(brand_a, A, timestamp=timestamp)
    text = remarks()["clock_off"].text

    assert f"Its timestamp “{timestamp}” has too few digits and begins like the time" in text
    assert "made it up" not in text


@pytest.mark.parametrize("timestamp", ["1", "17", "12345", "999999999"])
def test_a_short_timestamp_unlike_the_time_of_the_request_was_not_cut_off(
    brand_a: OfficialAccount, timestamp: str
) -> None:
    wechat_verifies(brand_a, A, timestamp=timestamp)

    assert "cannot be the time of a request" in remarks()["clock_off"].text


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 second"), (119, "119 seconds"), (301, "5 minutes"), (7199, "119 minutes"),
     (7200, "2 hours"), (172_799, "47 hours"), (172_800, "2 days"), (2**31 - 1, "24855 days")],
)  # fmt: skip
def test_long_durations_are_formatted_in_large_units(seconds: int, words: str) -> None:
    assert format_duration(seconds) == words


def test_a_repeat_refers_to_the_attempt_before(brand_a: OfficialAccount) -> None:
    for token in (A, B, A):
        wechat_verifies(brand_a, token)

    earlier = remarks()["repeat"].attempt
    assert earlier == VerificationAttempt.objects.earliest("id")
    assert f"Attempt {earlier.pk} was the same request, less than" in remarks()["repeat"].text


def test_a_repeat_after_an_hour_was_sent_again_by_a_person(brand_a: OfficialAccount) -> None:
    wechat_verifies(brand_a, A)
    back_an_hour = last_attempt().recorded_at - timedelta(hours=1)
    as_owner(VerificationAttempt, f"UPDATE {{table}} SET recorded_at = '{back_an_hour}'")
    wechat_verifies(brand_a, A)

    assert "its URL was kept and sent again" in remarks()["repeat"].text


def test_the_same_timestamp_and_nonce_with_another_signature_is_no_repeat(
    brand_a: OfficialAccount,
) -> None:
    wechat_verifies(brand_a, B)
    wechat_verifies(brand_a, A)

    assert "repeat" not in remarks()


def test_browsers_need_no_remark(brand_a: OfficialAccount) -> None:
    for _time in range(2):
        Client().get(brand_a.server_path, headers={"User-Agent": "Mozilla/5.0 (Macintosh)"})

    assert remarks() == {}


def test_a_signed_request_without_a_user_agent_is_remarked_on(brand_a: OfficialAccount) -> None:
    call("/wechat/brand-a", A)

    assert remarks()["not_wechats_user_agent"].text.startswith("It had no user agent")


@pytest.mark.parametrize(
    ("public_url", "host", "is_remarked"),
    [
        ("", "elsewhere.example.cn", False),
        ("https://wx.example.cn", "", False),
        ("https://wx.example.cn", "WX.example.cn:443", False),
        ("http://wx.example.cn", "wx.example.cn:80", False),
        ("https://wx.example.cn", "wx.example.cn:8443", True),
        ("https://wx.example.cn", "wx.example.com", True),
    ],
)
def test_a_host_that_public_url_does_not_have_is_remarked_on(
    brand_a: OfficialAccount, settings: Any, public_url: str, host: str, is_remarked: bool
) -> None:
    settings.PUBLIC_URL = public_url
    call("/wechat/brand-a", A, **{**HERE, "Host": host})

    assert ("came_to_another_host" in remarks()) == is_remarked


@pytest.mark.parametrize("public_url", ["", "http://wx.example.cn"])
def test_http_needs_no_remark_where_public_url_is_not_https(
    brand_a: OfficialAccount, settings: Any, public_url: str
) -> None:
    settings.PUBLIC_URL = public_url
    call("/wechat/brand-a", A, **HERE)

    assert "came_over_http" not in remarks()


@pytest.mark.parametrize(("microseconds", "is_slow"), [(1_000_000, False), (1_000_001, True)])
def test_an_answer_is_slow_after_a_second(
    brand_a: OfficialAccount, microseconds: int, is_slow: bool
) -> None:
    wechat_verifies(brand_a, A)
    as_owner(VerificationAttempt, f"UPDATE {{table}} SET duration = {microseconds}")

    assert ("slow_answer" in remarks()) == is_slow


def test_explain_attempt_prints_remarks(client: Client, brand_a: OfficialAccount) -> None:
    client.get(f"/wechat/brand-a?{verification(A)}", headers={"User-Agent": "curl/8.4"})
    out = StringIO()
    call_command("explain_attempt", str(last_attempt().id), stdout=out)

    assert "Also:          Its user agent “curl/8.4” is not WeChat's" in out.getvalue()
