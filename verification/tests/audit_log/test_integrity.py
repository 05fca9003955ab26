from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from verification import change_log
from verification.audit_log import integrity
from verification.audit_log.integrity import check_within_budget, latest_check, record_check
from verification.audit_log.verifier import verify_audit
from verification.change_log import Action, Actor
from verification.models import ChainHead, ChangeEvent, OfficialAccount, VerificationAttempt
from verification.tests.support.adapter import A
from verification.tests.support.signer import verification
from verification.tests.support.tampering import as_owner


def wechat_calls() -> None:
    Client().get(f"/wechat/brand-a?{verification(A)}")


def test_a_check_records_who_ran_it_and_how_far_it_got(brand_a: OfficialAccount) -> None:
    wechat_calls()
    record_check(verify_audit(), Actor("zhang.wei", "192.0.2.7"))

    check = latest_check()
    assert check
    assert (check.actor, check.is_intact, check.is_whole) == ("zhang.wei", True, True)
    assert (check.attempts, check.head) == (1, ChainHead.objects.get().text)
    assert ChangeEvent.objects.latest("id").client_ip == "192.0.2.7"


def test_the_latest_check_has_the_problems_that_it_found(brand_a: OfficialAccount) -> None:
    wechat_calls()
    record_check(verify_audit(), Actor("watch"))
    as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '1'")
    record_check(verify_audit(), Actor("watch"))

    check = latest_check()
    assert check
    assert (check.is_intact, check.first_broken) == (False, 1)
    assert check.problems == ["Something in seal 1 (attempt 1) was altered."]


class TestALargeLog:
    """A page has no time to check all of it."""

    @pytest.fixture(autouse=True)
    def _large(self, brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(integrity, "MAX_ATTEMPTS_AT_ONCE", 0)
        monkeypatch.setattr("verification.audit_log.reader.MAX_SEALS", 2)
        for _ in range(5):
            wechat_calls()

    def test_a_check_continues_where_the_last_one_ended(self) -> None:
        record_check(verify_audit(), Actor("watch"))
        wechat_calls()

        assert check_within_budget().attempts == 1

    def test_a_check_out_of_time_says_how_far_it_got(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(integrity, "MAX_SECONDS", -1)
        report = check_within_budget()
        record_check(report, Actor("zhang.wei"))

        assert (report.problems, report.attempts, report.is_cut_short) == ([], 2, True)
        check = latest_check()
        assert check
        assert not check.is_whole
        assert check_within_budget().attempts == 2  # the next two

    def test_after_a_problem_the_next_check_begins_at_the_start(self) -> None:
        as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '1' WHERE id = 1")
        record_check(verify_audit(), Actor("watch"))

        assert check_within_budget().first_broken == 1

    def test_a_log_that_was_rewritten_is_checked_from_the_start(self) -> None:
        record_check(verify_audit(), Actor("watch"))
        change_log.record(Action.LOG_CHECKED, Actor("x"), **forged_facts())

        assert check_within_budget().attempts == 5


def forged_facts() -> dict[str, Any]:
    """Return the facts of a check that saw another seal 5."""
    facts = ChangeEvent.objects.latest("id").facts
    return {**facts, "head": f"5:{'0' * 64}"}
