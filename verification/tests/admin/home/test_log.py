"""What home says about the log: its last check, sign-offs, and the last changes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from verification import change_log
from verification.accounts.editing import save_changes
from verification.admin.audit_log.due import covers, read_review
from verification.audit_log.report import MISSING_SEAL_KEY_ADVICE
from verification.change_log import Action, Actor
from verification.models import ChangeEvent, OfficialAccount, Tally, VerificationAttempt
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.admin_client import press
from verification.tests.support.home import TIME, member_of, open_home, section, words
from verification.tests.support.tampering import as_owner, rewrite_change_log
from verification.times import Period, preset

WANG_FANG = Actor("wang.fang")
QUARTER = Period(date(2026, 7, 1), date(2026, 9, 30))


def log_block(client: Client) -> str:
    return words(section(open_home(client), "The log"))


def sign_off(first: date, last: date) -> ChangeEvent:
    period = str(Period(first, last))
    return change_log.record(
        Action.SIGNED_OFF, WANG_FANG, first=str(first), last=str(last), period=period
    )


class TestIntegrity:
    def test_a_log_that_was_never_checked_has_a_hint(
        self, li_wei_at_work: Client, on_record: OfficialAccount
    ) -> None:
        assert "! Not checked yet Check it now." in log_block(li_wei_at_work)

    def test_an_intact_log_names_who_checked_it_when(
        self, li_wei_at_work: Client, on_record: OfficialAccount
    ) -> None:
        press(li_wei_at_work, "integrity")
        block = log_block(li_wei_at_work)

        assert re.search(f"✓ Chain intact Checked {TIME} by li.wei. Integrity ›", block)

    def test_a_broken_log_is_red(self, li_wei_at_work: Client, on_record: OfficialAccount) -> None:
        as_owner(VerificationAttempt, "UPDATE {table} SET status = 500 WHERE id = 1")
        press(li_wei_at_work, "integrity")
        block = section(open_home(li_wei_at_work), "The log")

        assert 'class="badge is-bad"' in block
        assert "✕ Broken at seal 1" in words(block)
        assert "Do not change or prune anything" in block

    def test_a_missing_key_is_explained_once(
        self, li_wei_at_work: Client, on_record: OfficialAccount, settings: Any
    ) -> None:
        settings.TOKEN_ENCRYPTION_KEYS = ["the-key-of-2026-" * 3]
        press(li_wei_at_work, "integrity")
        page = open_home(li_wei_at_work)

        assert "✕ The log cannot be checked: a key is missing" in words(section(page, "The log"))
        assert page.count(str(MISSING_SEAL_KEY_ADVICE)) == 1

    def test_a_check_older_than_a_week_has_a_hint(
        self, li_wei_at_work: Client, on_record: OfficialAccount
    ) -> None:
        press(li_wei_at_work, "integrity")
        rewrite_change_log(recorded_at=datetime(2026, 1, 5, 10, 42, tzinfo=UTC))

        assert "by li.wei. Check it now." in log_block(li_wei_at_work)


class TestSignOffs:
    @pytest.fixture
    def records(self, brand_a: OfficialAccount, record: Any) -> Period:
        """Record attempts in the last quarter, and return it."""
        last_quarter = preset("last_quarter", timezone.localdate())
        record((timezone.now() - last_quarter.start).total_seconds() / 86_400 - 1)
        return last_quarter

    def test_the_last_full_quarter_is_due(self, records: Period) -> None:
        client = member_of("Auditors")
        page = section(open_home(client), "The log")

        assert f"Last sign-off None yet Sign-off due {records}" in words(page)
        query = f"?first={records.first}&amp;last={records.last}"
        assert f'href="{reverse("admin:sign_off")}{query}"' in page

    def test_after_its_sign_off_the_next_one_is_named(self, records: Period) -> None:
        sign_off(records.first, records.last)
        block = log_block(member_of("Auditors"))

        assert re.search(re.escape(f"Last sign-off {records} wang.fang · ") + TIME, block)
        assert "Next sign-off" in block
        assert "Sign-off due" not in block

    def test_three_months_cover_a_quarter(self) -> None:
        months = [
            sign_off_of(date(2026, 8, 1), date(2026, 8, 31)),
            sign_off_of(date(2026, 7, 1), date(2026, 7, 31)),
            sign_off_of(date(2026, 9, 1), date(2026, 9, 30)),
        ]
        assert covers(months, QUARTER)
        assert not covers(months[:2], QUARTER)

    def test_a_longer_period_covers_a_quarter_and_overlaps_do_no_harm(self) -> None:
        year = sign_off_of(date(2026, 1, 1), date(2026, 12, 31))
        july = sign_off_of(date(2026, 7, 1), date(2026, 7, 31))

        assert covers([year], QUARTER)
        assert covers([july, year], QUARTER)

    def test_a_sign_off_covers_only_days_that_were_over(self, record: Any) -> None:
        record(100)
        quarter = Period(date(2026, 10, 1), date(2026, 12, 31))
        early = sign_off_of(quarter.first, quarter.last, at=datetime(2026, 11, 29, 2, tzinfo=UTC))
        rest = sign_off_of(date(2026, 11, 29), quarter.last)

        assert not covers([early], quarter)
        assert covers([early, rest], quarter)

        early.save()
        as_owner(Tally, "UPDATE {table} SET hour = '2026-11-02 10:00:00+00:00'")
        as_owner(ChangeEvent, "UPDATE {table} SET recorded_at = '2026-11-29 02:00:00+00:00'")
        assert not read_review(date(2026, 12, 30)).is_due
        review = read_review(date(2027, 1, 5))
        assert (review.is_due, review.quarter) == (True, quarter)

    def test_nothing_is_due_before_the_first_quarter_with_records_is_over(
        self, on_record: OfficialAccount
    ) -> None:
        assert not read_review(timezone.localdate()).is_due

    def test_a_member_without_the_right_to_sign_off_gets_no_link(
        self, li_wei_at_work: Client, records: Period
    ) -> None:
        assert "sign-offs/new/?first" in open_home(li_wei_at_work)
        assert "sign-offs/new/?first" not in open_home(member_of("Token managers"))


def sign_off_of(
    first: date, last: date, *, at: datetime = datetime(2027, 1, 5, tzinfo=UTC)
) -> ChangeEvent:
    facts = {"first": str(first), "last": str(last)}
    return ChangeEvent(action=Action.SIGNED_OFF, facts=facts, recorded_at=at)


class TestChanges:
    def test_they_show_old_and_new_values_with_who_and_when(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        brand_a.name = "City Mall"
        save_changes(brand_a, ["name"], LI_WEI)
        block = section(open_home(li_wei_at_work), "Last changes")

        assert "li.wei: account changed City Mall name: Brand-A → City Mall" in words(block)
        event = ChangeEvent.objects.get(action=Action.ACCOUNT_CHANGED)
        assert f'/changeevent/{event.pk}/change/">' in block

    def test_the_last_five_are_shown_without_sign_ins_and_checks(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        for number in range(6):
            change_log.record(Action.USER_CREATED, LI_WEI, user=f"user-{number}")
        for action in (Action.SIGNED_IN, Action.SIGN_IN_FAILED, Action.SIGNED_OUT):
            change_log.record(action, WANG_FANG)
        press(li_wei_at_work, "integrity")
        block = section(open_home(li_wei_at_work), "Last changes")

        assert block.count("user created") == 5
        assert "user-0" not in block
        assert "wang.fang" not in block
        assert "log checked" not in block
