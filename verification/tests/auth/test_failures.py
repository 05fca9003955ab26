"""Failed sign-ins and wrong codes leave few change events, and all of them are counted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.test import Client
from django.utils import timezone

from verification.admin.audit_log.review import count_changes
from verification.auth import failures
from verification.auth.failures import MAX_EVENTS, MAX_EVENTS_PER_SOURCE, record_failure
from verification.change_log import Action, Actor
from verification.models import ChangeEvent, FailureTally
from verification.tests.conftest import Record
from verification.tests.support.admin_client import PASSWORD, page
from verification.tests.support.authenticator import PAGE, set_up, sign_in_again
from verification.tests.support.pruning import prune_older_than, prunings
from verification.times import Period

STRANGER = "203.0.113.9"


@pytest.fixture(autouse=True)
def _stop_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "monotonic", lambda: 30.0)
    failures.failure_budget.reset()


def fail(times: int, source: str = STRANGER) -> None:
    for _number in range(times):
        record_failure(Action.SIGN_IN_FAILED, Actor("li.wei", source))


def tallies() -> list[tuple[str, str, int]]:
    return [*FailureTally.objects.order_by("id").values_list("action", "source", "count")]


def events() -> int:
    return ChangeEvent.objects.filter(action=Action.SIGN_IN_FAILED).count()


class TestABurst:
    def test_of_one_address_has_a_few_events_and_a_count(self, li_wei: User) -> None:
        for _number in range(MAX_EVENTS_PER_SOURCE + 7):
            form = {"username": "li.wei", "password": "wrong"}
            Client(REMOTE_ADDR=STRANGER).post("/admin/login/", form)

        assert events() == MAX_EVENTS_PER_SOURCE
        assert tallies() == [(Action.SIGN_IN_FAILED, STRANGER, 7)]

    def test_of_many_addresses_has_one_count_for_all(self, db: None) -> None:
        for number in range(1, 256):
            fail(1, f"203.0.113.{number}")

        assert events() == MAX_EVENTS
        assert tallies() == [(Action.SIGN_IN_FAILED, "", 255 - MAX_EVENTS)]

    def test_of_an_ipv6_network_is_of_one_source(self, db: None) -> None:
        for number in range(20):
            fail(1, f"2001:db8::{number:x}")

        [(_action, source, count)] = tallies()
        assert (source, count) == ("2001:db8::/64", 20 - MAX_EVENTS_PER_SOURCE)

    def test_leaves_others_their_events(self, db: None) -> None:
        fail(99)
        fail(1, "198.51.100.1")

        assert events() == MAX_EVENTS_PER_SOURCE + 1

    def test_ends_with_the_minute(self, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
        fail(15)
        monkeypatch.setattr(failures, "monotonic", lambda: 60.0)
        fail(15)

        assert events() == 2 * MAX_EVENTS_PER_SOURCE
        assert tallies() == [(Action.SIGN_IN_FAILED, STRANGER, 10)]

    @pytest.mark.usefixtures("_totp_required")
    def test_of_wrong_codes_is_counted_like_that_of_passwords(self, browser: Client) -> None:
        set_up(browser)
        sign_in_again(browser)
        for _number in range(MAX_EVENTS_PER_SOURCE + 5):
            browser.post(PAGE, {"code": "000000"})

        refused = ChangeEvent.objects.filter(action=Action.SECOND_FACTOR_REFUSED)
        assert refused.count() == MAX_EVENTS_PER_SOURCE
        assert tallies() == [(Action.SECOND_FACTOR_REFUSED, "127.0.0.1", 5)]


class TestALockedUser:
    def test_costs_no_password_hash(self, li_wei: User, monkeypatch: pytest.MonkeyPatch) -> None:
        """Hashing takes a third of a second of a core."""
        form = {"username": "li.wei", "password": "wrong"}
        for _number in range(5):
            answer = Client().post("/admin/login/", form)
        assert answer.status_code == 429

        def check(*_: Any, **__: Any) -> bool:
            raise AssertionError("hashed")

        monkeypatch.setattr("django.contrib.auth.hashers.verify_password", check)
        assert Client().post("/admin/login/", {**form, "password": PASSWORD}).status_code == 429
        with pytest.raises(AssertionError):
            Client(REMOTE_ADDR=STRANGER).post("/admin/login/", form)


class TestTheChangeLog:
    def test_shows_what_was_only_counted(self, li_wei_at_work: Client) -> None:
        fail(7_422 - 7_000)
        fail(1, "198.51.100.1")
        text = li_wei_at_work.get(page("changeevent_changelist")).text

        assert f"Sign-in failed ×412 from {STRANGER}, " in text

    def test_shows_it_only_where_the_filters_let_it_through(self, li_wei_at_work: Client) -> None:
        fail(20)
        shown = f"from {STRANGER}"
        url = page("changeevent_changelist")

        for query in ("?what=sign_in_failed", f"?first={timezone.localdate()}", "?actor="):
            assert shown in li_wei_at_work.get(f"{url}{query}").text
        for query in ("?what=signed_in", "?last=2026-01-01", "?actor=li.wei", "?q=brand"):
            assert shown not in li_wei_at_work.get(f"{url}{query}").text

    def test_adds_up_what_does_not_fit(self, li_wei_at_work: Client) -> None:
        now = timezone.now()
        for hours in range(8):
            hour = now - timedelta(hours=hours)
            FailureTally.objects.create(hour=hour, action=Action.SIGN_IN_FAILED, count=100)
        text = li_wei_at_work.get(page("changeevent_changelist")).text

        assert text.count("Sign-in failed ×100 from many addresses") == 5
        assert "300 more" in text

    def test_is_complete_in_the_review_of_a_period(self, db: None) -> None:
        fail(412)
        today = timezone.localdate()

        assert count_changes(Period(today, today))["sign_in_failed"] == 412


class TestPruning:
    @pytest.mark.usefixtures("two_years")
    def test_removes_old_counts_and_says_how_many(self, record: Record) -> None:
        old, kept = (timezone.now() - timedelta(days=days) for days in (401, 399))
        for hour in (old, kept):
            FailureTally.objects.create(hour=hour, action=Action.SIGN_IN_FAILED, count=1_204)
        prune_older_than("400d")

        assert [tally.hour for tally in FailureTally.objects.all()] == [kept]
        assert prunings()[-1].facts["failures"] == 1_204

    def test_is_the_only_way_to_remove_them(self, db: None) -> None:
        fail(20)

        with pytest.raises(DatabaseError), transaction.atomic():
            FailureTally.objects.all().delete()


@pytest.mark.parametrize("name", ["a" * 5000, "ﬁ" * 150, "李" * 256])
def test_a_name_that_is_longer_than_any_users_fails_like_another(name: str, li_wei: User) -> None:
    response = Client().post("/admin/login/", {"username": name, "password": PASSWORD})

    assert response.status_code == 200
    assert events() == 1
