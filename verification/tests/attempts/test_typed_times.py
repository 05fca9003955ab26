"""A moment is understood as people type it, and as they paste it from a page or a log line."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from unittest import mock

import pytest
from django.utils import timezone

from verification.attempts.typed_times import ImpossibleTimeError, parse
from verification.times import Period, Span

NOW = datetime(2026, 9, 29, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai


@pytest.fixture(autouse=True)
def _freeze_time() -> Iterator[None]:
    with mock.patch("django.utils.timezone.now", return_value=NOW):
        yield


def written(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M:%S}"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("10:42", "2026-09-29 10:42:00"),
        (" 10:42:07 ", "2026-09-29 10:42:07"),
        ("9:05", "2026-09-29 09:05:00"),
        ("23:50", "2026-09-28 23:50:00"),  # still to come today
        ("2026-09-29 10:42", "2026-09-29 10:42:00"),
        ("2026-09-29T10:42:07", "2026-09-29 10:42:07"),
        ("2026-09-29 10:42:07 (UTC+8)", "2026-09-29 10:42:07"),
        ("2026-09-29T02:42:07.123456+00:00", "2026-09-29 10:42:07"),
        ("2026-09-29T02:42:07Z", "2026-09-29 10:42:07"),
        ("2026-09-29 10:42:07.123+08:00", "2026-09-29 10:42:07"),
        ("9-29 10:42", "2026-09-29 10:42:00"),
        ("09-29 10:42:07", "2026-09-29 10:42:07"),
        ("9/29 10:42", "2026-09-29 10:42:00"),
        ("12-31 10:42", "2025-12-31 10:42:00"),  # the last such day
        ("9月29日 10:42", "2026-09-29 10:42:00"),
        ("2026年9月29日上午10点42分", "2026-09-29 10:42:00"),
        ("昨天 10:42", "2026-09-28 10:42:00"),
        ("昨天10:42", "2026-09-28 10:42:00"),
        ("前天 10:42", "2026-09-27 10:42:00"),
        ("yesterday 10:42", "2026-09-28 10:42:00"),
        ("Today, 10:42", "2026-09-29 10:42:00"),
        ("上午10点42分", "2026-09-29 10:42:00"),
        ("上午10点42分07秒", "2026-09-29 10:42:07"),
        ("昨天下午3点半", "2026-09-28 15:30:00"),
        ("昨天晚上9点", "2026-09-28 21:00:00"),
        ("凌晨12点05分", "2026-09-29 00:05:00"),
        ("10:42 am", "2026-09-29 10:42:00"),
        ("yesterday 3pm", "2026-09-28 15:00:00"),
        ("１０：４２", "2026-09-29 10:42:00"),
        ("２０２６－０９－２９ １０：４２：０７", "2026-09-29 10:42:07"),
        ("1-2 10:42", "2026-01-02 10:42:00"),
        ("02-29 10:42", "2024-02-29 10:42:00"),  # in the last leap year
    ],
)
def test_a_moment(text: str, meant: str) -> None:
    moment = parse(text)

    assert isinstance(moment, datetime)
    assert written(moment) == meant


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("00:50 utc", "2026-09-28 08:50:00"),
        ("00:50 (UTC)", "2026-09-28 08:50:00"),
        ("yesterday 00:50 utc", "2026-09-27 08:50:00"),
        ("17:05 utc", "2026-09-29 01:05:00"),
        ("昨天 17:05 utc", "2026-09-28 01:05:00"),
        ("9-29 00:10 utc", "2025-09-29 08:10:00"),  # in UTC it is still the day before
    ],
)
def test_a_time_with_a_zone_is_of_the_day_of_that_zone(text: str, meant: str) -> None:
    # It is 18:00 on the 28th in UTC, and 02:00 on the 29th in Shanghai.
    night = datetime(2026, 9, 28, 18, 0, tzinfo=UTC)
    with mock.patch("django.utils.timezone.now", return_value=night):
        moment = parse(text)

    assert isinstance(moment, datetime)
    assert written(moment) == meant


@pytest.mark.parametrize(
    ("text", "start", "last"),
    [
        ("10:30-11:00", "2026-09-29 10:30:00", "2026-09-29 11:00:00"),
        ("10:30 – 11:00", "2026-09-29 10:30:00", "2026-09-29 11:00:00"),
        ("10:30 to 11:00", "2026-09-29 10:30:00", "2026-09-29 11:00:00"),
        ("10:30到11:00", "2026-09-29 10:30:00", "2026-09-29 11:00:00"),
        ("10:30~11:00", "2026-09-29 10:30:00", "2026-09-29 11:00:00"),
        ("昨天 10:30-11:00", "2026-09-28 10:30:00", "2026-09-28 11:00:00"),
        ("9-28 10:30-11:00", "2026-09-28 10:30:00", "2026-09-28 11:00:00"),
        ("23:30-00:30", "2026-09-28 23:30:00", "2026-09-29 00:30:00"),
        ("2026-09-27 22:00 - 2026-09-28 02:00", "2026-09-27 22:00:00", "2026-09-28 02:00:00"),
        ("2026-09-29 10:40 – 10:44 (UTC+8)", "2026-09-29 10:40:00", "2026-09-29 10:44:00"),
        ("2026-09-29 10:40 – 10:44 (UTC)", "2026-09-29 18:40:00", "2026-09-29 18:44:00"),
        ("10:40 (UTC+9) – 10:44", "2026-09-29 09:40:00", "2026-09-29 09:44:00"),
    ],
)
def test_a_range_through_its_last_minute(text: str, start: str, last: str) -> None:
    span = parse(text)

    assert isinstance(span, Span)
    assert (written(span.start), written(span.last)) == (start, last)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-09-29", date(2026, 9, 29), date(2026, 9, 29)),
        ("昨天", date(2026, 9, 28), date(2026, 9, 28)),
        ("9月1日", date(2026, 9, 1), date(2026, 9, 1)),
        ("2026-07-01 – 2026-09-30", date(2026, 7, 1), date(2026, 9, 30)),
        ("2026-09-29 00:00 - 23:59", date(2026, 9, 29), date(2026, 9, 29)),
        ("2月29日", date(2024, 2, 29), date(2024, 2, 29)),  # in the last leap year
        ("02-29 – 03-01", date(2024, 2, 29), date(2026, 3, 1)),
    ],
)
def test_whole_days(text: str, first: date, last: date) -> None:
    assert parse(text) == Period(first, last)


@pytest.mark.parametrize(
    "text",
    ["25:99", "10:60", "2026-02-30 10:42", "2026-02-29", "02-30", "13-13 10:42", "0001-01-01"],
)
def test_an_impossible_time_is_told_from_what_is_none(text: str) -> None:
    with pytest.raises(ImpossibleTimeError):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "1042",
            "brand-a",
            "192.0.2.1",
            "2001:db8::1",
            "10:42 and more",
            "::1",
            "10:42:07:03",
        ),
        "5d0cbe52-311a-49e5-9566-59e9b92016e4",
        "12345678-1234-1234-1234-123456789012",
        *("10:42-", "-", "1 2 3", "9" * 5000, "10:42 " * 1000, "fe80::10:42", "a1b2:3"),
    ],
)
def test_anything_else_is_no_time(text: str) -> None:
    assert parse(text) is None
