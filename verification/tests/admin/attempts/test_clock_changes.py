"""The list of attempts is right to the minute on the days when the clocks change."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.test import Client

from verification.models import OfficialAccount
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import staff, wechat_verifies
from verification.tests.support.attempt_list import LIST, column, follow, plain

#: In America/New_York, 03:00 follows 01:59 at the first moment, and 01:00 follows 01:59 at the
#: second.
FORWARD = datetime(2026, 3, 8, 7, 0, tzinfo=UTC)
BACK = datetime(2026, 11, 1, 6, 0, tzinfo=UTC)


@pytest.fixture
def auditor(brand_a: OfficialAccount, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Record attempts around both changes, one of them in the last minute before each."""
    settings.TIME_ZONE = "America/New_York"
    for change in (FORWARD, BACK):
        for minutes in (-90, -60, -30, -1, 0, 30, 60):
            at = change + timedelta(minutes=minutes, seconds=10)
            monkeypatch.setattr(
                "verification.callbacks.recording.recording_time", mock.Mock(return_value=at)
            )
            wechat_verifies(brand_a, A)
    monkeypatch.undo()
    return staff("view_verificationattempt")


def times(page: str) -> list[str]:
    return [time[-14:] for time in column(page, "time")]


def link(page: str, rel: str) -> str:
    [query] = re.findall(rf'<a href="([^"]*)" rel="{rel}"', page)
    return str(query)


@pytest.mark.parametrize(
    ("at", "shown", "rows"),
    [
        (
            "2026-03-08T03:01:30",
            "2026-03-08 01:59 (UTC-5) – 03:03 (UTC-4)",
            ["03-08 03:00:10", "03-08 01:59:10"],
        ),
        ("2026-11-01T01:30:10-04:00", "2026-11-01 01:28 – 01:32 (UTC-4)", ["11-01 01:30:10"]),
        ("2026-11-01T01:30:10-05:00", "2026-11-01 01:28 – 01:32 (UTC-5)", ["11-01 01:30:10"]),
        (
            "2026-11-01T01:00:00-05:00",
            "2026-11-01 01:58 (UTC-4) – 01:02 (UTC-5)",
            ["11-01 01:00:10", "11-01 01:59:10"],
        ),
    ],
)
def test_a_minute_is_shown_with_the_minutes_around_it(
    auditor: Client, at: str, shown: str, rows: list[str]
) -> None:
    page = follow(auditor, f"?at={at}")

    assert shown in plain(page)
    assert times(page) == rows


@pytest.mark.parametrize("change", [FORWARD, BACK])
def test_the_minutes_before_and_after_lead_through_the_change_and_back(
    auditor: Client, change: datetime
) -> None:
    start = f"?at={change - timedelta(minutes=4):%Y-%m-%dT%H:%M:%SZ}"
    page = follow(auditor, start)
    assert times(page) == []

    for _step in range(2):
        page = follow(auditor, link(page, "next"))
    assert times(page) == []
    page = follow(auditor, link(page, "prev"))
    assert len(times(page)) == 2
    page = follow(auditor, link(page, "prev"))
    assert times(page) == []


@pytest.mark.parametrize(
    ("first", "last", "rows"),
    [
        (
            "2026-03-08 01:30",
            "2026-03-08 03:00",
            ["03-08 03:00:10", "03-08 01:59:10", "03-08 01:30:10"],
        ),
        (
            "2026-11-01 01:30",
            "2026-11-01 02:00",
            [
                *("11-01 02:00:10", "11-01 01:30:10", "11-01 01:00:10"),
                *("11-01 01:59:10", "11-01 01:30:10"),
            ],
        ),
        (
            "2026-11-01 01:30:00-05:00",
            "2026-11-01 02:00",
            ["11-01 02:00:10", "11-01 01:30:10"],
        ),
        (
            "2026-11-01 01:59:00-04:00",
            "2026-11-01 01:00:00-05:00",
            ["11-01 01:00:10", "11-01 01:59:10"],
        ),
    ],
)
def test_a_range_across_the_change_holds_its_minutes_in_the_form_and_in_the_search_box(
    auditor: Client, first: str, last: str, rows: list[str]
) -> None:
    answer = auditor.get(LIST, {"first": first, "last": last})

    assert times(answer.text) == rows
    fields = dict(re.findall(r'id="(first|last)" name="\w+" value="([^"]*)"', answer.text))
    assert times(auditor.get(LIST, fields).text) == rows
    assert times(auditor.get(LIST, {"q": f"{first} – {last}"}, follow=True).text) == rows


@pytest.mark.parametrize(
    ("day", "hours", "names"),
    [
        (
            "2026-03-08",
            23,
            [
                *("2026-03-08 00:00 – 00:59", "2026-03-08 01:00 – 01:59"),
                *("2026-03-08 03:00 – 03:59", "2026-03-08 04:00 – 04:59"),
            ],
        ),
        (
            "2026-11-01",
            25,
            [
                *("2026-11-01 00:00 – 00:59", "2026-11-01 01:00 – 01:59 (UTC-4)"),
                *("2026-11-01 01:00 – 01:59 (UTC-5)", "2026-11-01 02:00 – 02:59"),
            ],
        ),
    ],
)
def test_a_day_has_a_bar_for_each_of_its_hours_which_leads_to_its_attempts(
    auditor: Client, day: str, hours: int, names: list[str]
) -> None:
    answer = auditor.get(LIST, {"first": day, "last": day})
    bars = re.findall(r'<a href="([^"]*)" class="bar"\s+aria-label="([^"]*): ', answer.text)

    assert len(answer.context["chart"].columns) == hours
    assert [name for _query, name in bars] == names
    assert [len(times(follow(auditor, query))) for query, _name in bars] == [1, 3, 2, 1]
