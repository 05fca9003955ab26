"""The list and its chart cover the days of the operator, in periods of any length."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from verification.attempts.bars import MAX_BARS, read_bars, spans_of
from verification.attempts.counts import count_period
from verification.attempts.filter import AttemptFilter, latest_days
from verification.attempts.page import find_page
from verification.models import OfficialAccount, VerificationAttempt
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import wechat_verifies
from verification.tests.support.attempt_list import column, show
from verification.tests.support.tampering import as_owner
from verification.times import Period, preset


@pytest.fixture
def at_the_edges(brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch) -> Period:
    """Record an attempt before, at the start, at the end and after the last quarter."""
    period = preset("last_quarter", timezone.localdate())
    second = timedelta(seconds=1)
    for moment in (period.start - second, period.start, period.end - second, period.end):
        monkeypatch.setattr(
            "verification.callbacks.recording.recording_time", lambda *_, moment=moment: moment
        )
        wechat_verifies(brand_a, A)
    monkeypatch.undo()
    return period


def test_a_quarter_ends_at_midnight_where_the_operator_is(at_the_edges: Period) -> None:
    page = find_page(AttemptFilter(at_the_edges))

    assert [attempt.id for attempt in page.attempts] == [3, 2]
    assert count_period(at_the_edges).accepted == 2


def test_a_log_with_a_hole_in_it_is_still_read(
    at_the_edges: Period, li_wei_at_work: Client
) -> None:
    as_owner(VerificationAttempt, "DELETE FROM {table} WHERE id = 2")
    text = show(li_wei_at_work, period="last_quarter")

    assert len(column(text, "time")) == 1


def test_days_on_the_chart_are_the_operators(at_the_edges: Period) -> None:
    bars = read_bars(spans_of(at_the_edges))

    assert [timezone.localdate(bar.start) for bar in bars if bar.accepted] == [
        at_the_edges.first,
        at_the_edges.last,
    ]
    assert len(bars) == at_the_edges.days


def test_a_long_period_has_bars_of_several_days(at_the_edges: Period) -> None:
    years = Period(date(2020, 1, 1), latest_days().last)
    bars = read_bars(spans_of(years))

    assert len(bars) <= 100
    assert (bars[0].start, bars[-1].end) == (years.start, years.end)
    assert sum(bar.accepted for bar in bars) == 4


@pytest.mark.parametrize(
    ("first", "name", "heading"),
    [
        ("2026-09-30", "By the hour: ", "Hour"),
        ("2026-09-01", "By the day: ", "Day"),
        ("2026-01-01", "By periods of 3 days: ", "Days"),
    ],
)
def test_the_chart_and_its_table_name_what_a_bar_stands_for(
    db: None, li_wei_at_work: Client, first: str, name: str, heading: str
) -> None:
    text = " ".join(show(li_wei_at_work, first=first, last="2026-09-30").split())

    assert f"URL verification. {name}" in text
    assert f'<th scope="col"> {heading} </th>' in text


def test_seven_thousand_years_take_as_many_queries_and_bars_as_months(
    at_the_edges: Period, li_wei_at_work: Client
) -> None:
    numbers = []
    for first, last in [("2026-07-01", "2026-09-30"), ("1970-01-01", "9000-12-31")]:
        with CaptureQueriesContext(connection) as queries:
            text = show(li_wei_at_work, first=first, last=last)
        numbers.append(len(queries))

    assert "4 URL verifications: 4 accepted" in text
    assert numbers[0] == numbers[1]
    assert text.count('<rect class="area"') <= MAX_BARS
