"""How times are spelled, so that no year and no zone is left to guess."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from unittest import mock

import pytest

from verification import times

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # in Asia/Shanghai


@pytest.fixture(autouse=True)
def _it_is_noon() -> Iterator[None]:
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
def test_a_time_is_as_long_as_it_takes_to_tell_it_from_others(moment: datetime, text: str) -> None:
    assert times.format_short(moment) == text


def test_the_zone_is_said_by_its_name_and_its_distance() -> None:
    assert times.format_zone() == "Asia/Shanghai (UTC+8)"
    assert times.format_datetime(NOON) == "2026-11-23 12:00:00 (UTC+8)"
