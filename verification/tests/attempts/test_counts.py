"""Counts are right, and do not slow down with the number of tallies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from verification.accounts.facts import read_facts
from verification.attempts.counts import count_period, read_bars
from verification.attempts.filter import AttemptFilter
from verification.models import ChainHead, OfficialAccount, Tally
from verification.protocol.enums import Kind, Outcome
from verification.tests.support.exports import ids, make_attempts
from verification.tests.support.query_plans import plan_of
from verification.times import Period

#: In New York, daylight saving time begins on the 8th.
MARCH = Period(date(2026, 3, 1), date(2026, 3, 31))
HOURS = [
    datetime(2026, 2, 28, tzinfo=ZoneInfo("UTC")) + timedelta(hours=hours)
    for hours in range(33 * 24)
]


def tally(account: OfficialAccount | None, hours: Sequence[datetime], **other: Any) -> None:
    columns = {
        "kind": Kind.URL_VERIFICATION.value,
        "outcome": Outcome.ACCEPTED.value,
        "count": 3,
        "noise": 1,
        **other,
    }
    Tally.objects.bulk_create(Tally(account=account, hour=hour, **columns) for hour in hours)


ZONES = [
    *("Asia/Shanghai", "America/New_York", "UTC"),
    *("Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns"),
]


@pytest.mark.parametrize("zone", ZONES)
def test_the_list_an_export_and_the_counts_have_the_same_days(
    brand_a: OfficialAccount, settings: Any, capsys: pytest.CaptureFixture[str], zone: str
) -> None:
    settings.TIME_ZONE = zone
    moments = [HOURS[0] + timedelta(minutes=5 + 15 * quarter) for quarter in range(4 * 24 * 4)]
    make_attempts(moments)
    ChainHead.objects.create(last_attempt_id=len(moments), last_seal_id=1)
    hours = Counter(moment.replace(minute=0) for moment in moments)
    for hour, count in hours.items():
        tally(brand_a, [hour], outcome=Outcome.REFUSED.value, count=count, noise=0)
    days = [Period(date(2026, 3, 1), date(2026, 3, 1)), Period(date(2026, 3, 1), date(2026, 3, 2))]
    for period in days:
        until = period.last + timedelta(days=1)
        listed = AttemptFilter(period).queryset().count()

        assert listed == count_period(period).refused
        assert listed == sum(bar.refused for bar in read_bars(period))
        assert listed == len(ids(capsys, "--since", str(period.first), "--until", str(until)))


@pytest.mark.parametrize("zone", ZONES)
def test_an_hour_belongs_to_the_day_in_which_it_begins(
    brand_a: OfficialAccount, settings: Any, zone: str
) -> None:
    settings.TIME_ZONE = zone
    tally(brand_a, HOURS)
    hours_by_day = Counter(hour.astimezone(ZoneInfo(zone)).date() for hour in HOURS)
    bars = read_bars(MARCH)

    assert [bar.accepted for bar in bars] == [2 * hours_by_day[bar.first] for bar in bars]
    assert sum(bar.accepted for bar in bars) == count_period(MARCH).accepted
    assert (bars[0].first, bars[-1].last) == MARCH


def test_bars_count_one_account_paths_without_account_or_all(
    brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    tally(brand_a, HOURS[200:201])
    tally(brand_a, HOURS[200:201], outcome=Outcome.REFUSED.value, count=9)
    tally(brand_a, HOURS[200:201], kind=Kind.MESSAGE_PUSH.value)
    tally(None, HOURS[200:202], outcome=Outcome.REFUSED.value, noise=2)

    def sums(*account: int) -> tuple[int, int]:
        bars = read_bars(MARCH, *account)
        return sum(bar.accepted for bar in bars), sum(bar.refused for bar in bars)

    assert sums(brand_a.pk) == (2, 8)
    assert sums(brand_b.pk) == (0, 0)
    assert sums(0) == (0, 2)
    assert sums() == (2, 10)


def test_there_is_one_tally_per_account_and_hour(brand_a: OfficialAccount) -> None:
    for account in (brand_a, None):
        tally(account, HOURS[:1])
    with pytest.raises(IntegrityError):
        tally(None, HOURS[:1])


@pytest.mark.postgresql
def test_the_last_tally_of_an_account_is_found_by_the_unique_index(
    brand_a: OfficialAccount,
) -> None:
    """The index of hours would be read completely for an account that was never called."""
    with CaptureQueriesContext(connection) as queries:
        read_facts([brand_a], timezone.now())

    statements = [query["sql"] for query in queries if "last_at" in query["sql"]]
    [select] = [sql for sql in statements if "verification_deliverytally" not in sql]
    assert plan_of(select).count("Backward using tally_one_an_hour") == 2
