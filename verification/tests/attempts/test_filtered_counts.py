"""Sums and charts follow every filter: from the tallies, or from rows up to a limit."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from verification.attempts import filtered_counts
from verification.attempts.filter import AttemptFilter, everything, latest_days
from verification.attempts.filtered_counts import count_filtered
from verification.models import OfficialAccount
from verification.protocol.enums import Kind, Outcome, Reason
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import wechat_pushes, wechat_verifies
from verification.tests.support.query_plans import plan_of
from verification.tests.support.signer import verification
from verification.times import Span


@pytest.fixture
def calls(brand_a: OfficialAccount, brand_b: OfficialAccount) -> int:
    """Record four verifications, two pushes and one request that is noise; return Brand A's id."""
    for account, token in [(brand_a, A), (brand_a, B), (brand_b, B), (brand_b, "Nonsense")]:
        wechat_verifies(account, token)
    wechat_pushes(brand_a, A)
    wechat_pushes(brand_a, B)
    Client(headers={"User-Agent": "zgrab"}).get(f"/wechat/wp-login?{verification(A)}")
    return brand_a.pk


@pytest.mark.parametrize(
    ("changes", "numbers"),
    [
        ({}, (2, 2, 0)),
        ({"outcome": Outcome.REFUSED}, (0, 2, 0)),
        ({"reason": Reason.SIGNATURE_MISMATCH}, (0, 2, 0)),
        ({"reason": Reason.NO_TOKEN}, (0, 0, 0)),
        ({"search": "127.0.0.1"}, (2, 2, 0)),
        ({"search": "192.0.2.1"}, (0, 0, 0)),
        ({"kind": Kind.MESSAGE_PUSH}, (0, 1, 1)),
        ({"kind": None}, (2, 3, 1)),
    ],
)
def test_a_filter_acts_on_the_sums_and_the_chart(
    calls: int, changes: dict[str, Any], numbers: tuple[int, ...]
) -> None:
    counts = count_filtered(AttemptFilter(latest_days(), **changes))
    sums, bars = counts.sums, counts.bars

    assert (sums.accepted, sums.refused, sums.pushes) == numbers
    assert sum(bar.accepted for bar in bars) == sums.accepted
    assert sum(bar.refused for bar in bars) == sums.refused
    assert len(bars) == 90


def test_everything_is_counted_with_noise_and_one_account_alone(calls: int) -> None:
    every = everything(latest_days())

    assert count_filtered(every).sums.total == 6
    assert count_filtered(every.replace(account=calls)).sums.total == 3


def test_minutes_are_counted_from_the_rows_under_the_chart_of_their_day(calls: int) -> None:
    now = timezone.now().replace(second=0, microsecond=0)
    minutes = Span(now - timedelta(minutes=50), now + timedelta(minutes=10))
    counts = count_filtered(everything(minutes))

    assert (counts.sums.total, counts.sums.pushes) == (6, 0)
    assert len(counts.bars) in {24, 48}  # of today, or of two days around midnight
    assert sum(bar.pushes for bar in counts.bars) == 1


def test_more_rows_than_can_be_counted_are_said_to_be_more(
    calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtered_counts, "MAX_ROWS", 1)
    counts = count_filtered(AttemptFilter(latest_days(), reason=Reason.SIGNATURE_MISMATCH))

    assert not counts.sums.is_complete
    assert counts.bars == []


def test_a_day_with_too_many_rows_has_no_chart_although_its_minutes_are_counted(
    calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filtered_counts, "MAX_ROWS", 1)
    now = timezone.now()
    empty = Span(now - timedelta(minutes=3), now - timedelta(minutes=2))
    counts = count_filtered(AttemptFilter(empty, reason=Reason.SIGNATURE_MISMATCH))

    assert counts.sums.is_complete
    assert counts.bars == []


@pytest.mark.postgresql
def test_rows_of_a_reason_are_counted_through_the_index(calls: int) -> None:
    with CaptureQueriesContext(connection) as queries:
        count_filtered(AttemptFilter(latest_days(), reason=Reason.SIGNATURE_MISMATCH))
    [find] = [query["sql"] for query in queries if "LATERAL" in query["sql"]]

    assert "attempt_strand" in plan_of(find)
