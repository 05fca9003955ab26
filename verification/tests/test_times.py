"""Times are formatted so that the year and the zone are unambiguous."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from unittest import mock

import pytest

from verification import times

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # in Asia/Shanghai


@pytest.fixture(autouse=True)
def _freeze_time_at_noon() -> Iterator[None]:
    with mock.patch("django.utils.timezone.now", return_value=NOON):
        yield


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (datetime(2026, 11, 23, 2, 42, tzinfo=UTC), "10:42"),
        (datetime(2026, 11, 22, 15, 59, tzinfo=UTC), "11-22 23:59"),
        (datetime(2025, 12, 31, 16, 0, tzinfo=UTC), "01-01 00:00"),
        (datetime(2025, 12, 31, 15, 59, tzinfo=UTC), "2025-12-31 23:59"),
        (datetime(2025, 11, 23, 2, 42, tzinfo=UTC), "2025-11-23 10:42"),
    ],
)
def test_a_short_time_leaves_out_what_it_shares_with_today(moment: datetime, text: str) -> None:
    assert times.format_short(moment) == text


def test_a_zone_is_shown_with_its_name_and_offset() -> None:
    assert times.format_zone() == "Asia/Shanghai (UTC+8)"
    assert times.format_datetime(NOON) == "2026-11-23 12:00:00 (UTC+8)"
