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
from verification.attempts.bars import Selection, hours_of, latest_hours, read_bars, spans_of
from verification.attempts.counts import count_period
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


VERIFICATIONS = Selection(kinds=[Kind.URL_VERIFICATION])
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
        assert listed == sum(bar.refused for bar in read_bars(spans_of(period)))
        assert listed == len(ids(capsys, "--since", str(period.first), "--until", str(until)))


@pytest.mark.parametrize("zone", ZONES)
def test_an_hour_belongs_to_the_day_in_which_it_begins(
    brand_a: OfficialAccount, settings: Any, zone: str
) -> None:
    settings.TIME_ZONE = zone
    tally(brand_a, HOURS)
    hours_by_day = Counter(hour.astimezone(ZoneInfo(zone)).date() for hour in HOURS)
    bars = read_bars(spans_of(MARCH), VERIFICATIONS)

    days = [MARCH.first + timedelta(days=number) for number in range(MARCH.days)]
    assert [bar.accepted for bar in bars] == [2 * hours_by_day[day] for day in days]
    assert sum(bar.accepted for bar in bars) == count_period(MARCH).accepted
    assert (bars[0].start, bars[-1].end) == (MARCH.start, MARCH.end)


def test_bars_count_one_account_paths_without_account_or_all(
    brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    tally(brand_a, HOURS[200:201])
    tally(brand_a, HOURS[200:201], outcome=Outcome.REFUSED.value, count=9)
    tally(brand_a, HOURS[200:201], kind=Kind.MESSAGE_PUSH.value)
    tally(None, HOURS[200:202], outcome=Outcome.REFUSED.value, noise=2)

    def sums(account: int | None = None) -> tuple[int, int]:
        bars = read_bars(spans_of(MARCH), Selection(account, kinds=[Kind.URL_VERIFICATION]))
        return sum(bar.accepted for bar in bars), sum(bar.refused for bar in bars)

    assert sums(brand_a.pk) == (2, 8)
    assert sums(brand_b.pk) == (0, 0)
    assert sums(0) == (0, 2)
    assert sums() == (2, 10)


def test_a_bar_has_the_accepted_the_refused_of_all_kinds_and_the_pushes(
    brand_a: OfficialAccount,
) -> None:
    push, refused = Kind.MESSAGE_PUSH.value, Outcome.REFUSED.value
    tally(brand_a, HOURS[200:201])
    tally(brand_a, HOURS[200:201], outcome=refused, count=5)
    tally(brand_a, HOURS[200:201], kind=push, count=1000, noise=0)
    tally(brand_a, HOURS[200:201], kind=push, outcome=refused, count=4, noise=2)

    def numbers(**selection: Any) -> tuple[int, ...]:
        [bar] = read_bars(hours_of(HOURS[200], HOURS[201]), Selection(**selection))
        return (bar.accepted, bar.refused, bar.pushes)

    assert numbers() == (2, 6, 1000)
    assert numbers(has_noise=True) == (3, 9, 1000)
    assert numbers(has_noise=True, has_others=False) == (1, 3, 0)
    assert numbers(outcome=Outcome.REFUSED) == (0, 6, 0)
    assert numbers(kinds=[Kind.MESSAGE_PUSH]) == (0, 2, 1000)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 2), 24), (date(2026, 3, 8), 23)])
def test_a_day_is_its_hours_also_when_clocks_change(
    settings: Any, zone: str, day: date, hours: int
) -> None:
    settings.TIME_ZONE = zone
    period = Period(day, day)
    spans = spans_of(period)

    assert len(spans) == (hours if zone in {"America/New_York", "America/St_Johns"} else 24)
    assert (spans[0].start, spans[-1].end) == (period.start, period.end)
    assert all(span.has_whole_hours for span in spans)


def test_the_latest_hours_end_with_the_current_one() -> None:
    spans = latest_hours(24)

    assert len(spans) == 24
    assert spans[-1].start <= timezone.now() < spans[-1].end


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
