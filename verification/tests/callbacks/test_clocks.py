"""A clock that is wrong dates no attempt, keeps no token alive, and is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from verification.accounts.tokens import rotate_token
from verification.audit_log.verifier import verify_audit
from verification.callbacks.recording import verify
from verification.models import ChainHead, OfficialAccount, VerificationAttempt
from verification.models.rotating_secret import OVERLAP
from verification.protocol.enums import Outcome
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import verification

NEW = "NewTokenOfBrandA99"
A_DAY = timedelta(days=1)
SetClock = Callable[[timedelta], None]

on_postgresql = pytest.mark.postgresql


def is_accepted(token: str) -> bool:
    [verdict] = verify([make_callback(verification(token))])
    return verdict.outcome is Outcome.ACCEPTED


def last_recorded_at() -> datetime:
    return VerificationAttempt.objects.latest("id").recorded_at


def is_now(moment: datetime) -> bool:
    return abs(moment - datetime.now(UTC)) < timedelta(seconds=30)


@pytest.fixture
def set_database_clock(brand_a: OfficialAccount) -> Iterator[SetClock]:
    """Return a function that puts the database's clock forward, or back."""

    def set_clock(ahead: timedelta) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz "
                "LANGUAGE sql AS $$SELECT pg_catalog.clock_timestamp() + "
                f"interval '{ahead.total_seconds()} s'$$"
            )
            cursor.execute("SET LOCAL search_path = public, pg_catalog")

    yield set_clock
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL search_path = public")


@on_postgresql
@pytest.mark.parametrize("ahead", [A_DAY, -A_DAY, timedelta(minutes=2), timedelta(minutes=-2)])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_clock_of_the_database_that_jumps_dates_no_attempt(
    set_database_clock: SetClock, ahead: timedelta, is_first: bool
) -> None:
    if not is_first:
        assert is_accepted(A)
    set_database_clock(ahead)
    assert is_accepted(A)

    assert is_now(last_recorded_at())
    report = verify_audit()  # it finds the false clock_timestamp(), and nothing else
    assert report.problems == report.schema.differences


@on_postgresql
@pytest.mark.parametrize("ahead", [A_DAY, -A_DAY])
def test_a_clock_of_this_server_that_jumps_dates_no_attempt(
    set_database_clock: SetClock, ahead: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert is_accepted(A)
    monkeypatch.setattr(timezone, "now", lambda: datetime.now(UTC) + ahead)
    assert is_accepted(A)

    assert is_now(last_recorded_at())


@on_postgresql
def test_clocks_that_differ_by_seconds_are_not_compared(set_database_clock: SetClock) -> None:
    set_database_clock(timedelta(seconds=30))
    assert is_accepted(A)

    assert last_recorded_at() > datetime.now(UTC) + timedelta(seconds=25)


@on_postgresql
def test_an_expired_token_stays_expired_when_the_database_clock_goes_back(
    set_database_clock: SetClock, brand_a: OfficialAccount
) -> None:
    rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(0))
    assert is_accepted(NEW)
    set_database_clock(-A_DAY)

    assert not is_accepted(A)


@on_postgresql
def test_an_old_token_stays_valid_when_the_database_clock_goes_forward(
    set_database_clock: SetClock, brand_a: OfficialAccount
) -> None:
    rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(hours=1))
    assert is_accepted(A)
    set_database_clock(A_DAY)

    assert is_accepted(A)


def put_head_ahead(ahead: timedelta) -> None:
    """Date the end of the log to the future, as an earlier release did with a fast clock."""
    ChainHead.objects.update(last_recorded_at=timezone.now() + ahead)


def test_a_log_that_is_ahead_does_not_keep_old_tokens_alive(brand_a: OfficialAccount) -> None:
    assert is_accepted(A)
    put_head_ahead(30 * A_DAY)
    old = brand_a.tokens.get()
    rotate_token(brand_a, NEW, LI_WEI)
    assert is_accepted(NEW)
    old.refresh_from_db()

    assert last_recorded_at() > timezone.now() + 29 * A_DAY  # attempts stay in order
    assert old.expires_at is not None
    assert old.expires_at < timezone.now() + OVERLAP


def test_a_log_that_is_ahead_is_named(brand_a: OfficialAccount, client: Client) -> None:
    assert is_accepted(A)
    assert client.get("/readyz").text == "ready"
    put_head_ahead(A_DAY)
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert answer.text.startswith("ready, but the last attempt is dated 20")
    assert "which is in the future: a clock was fast when it was recorded." in answer.text


@on_postgresql
def test_clocks_that_differ_are_named(set_database_clock: SetClock, client: Client) -> None:
    set_database_clock(timedelta(minutes=2))
    answer = client.get("/readyz")

    assert answer.status_code == 200
    assert "The clocks of the database (20" in answer.text
    assert "dates new ones. Set both clocks by NTP." in answer.text
