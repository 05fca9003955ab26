from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from verification import change_log
from verification.audit_log import integrity
from verification.audit_log.integrity import check_within_budget, latest_check, record_check
from verification.audit_log.report import LogState
from verification.audit_log.verifier import verify_audit
from verification.change_log import Action, Actor
from verification.models import (
    ChainHead,
    ChangeEvent,
    OfficialAccount,
    Seal,
    VerificationAttempt,
)
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


@pytest.mark.parametrize("other", [{}, {"state": "of a later release"}])
@pytest.mark.parametrize("is_intact", [True, False])
def test_a_check_of_another_release_still_counts(
    brand_a: OfficialAccount, is_intact: bool, other: dict[str, Any]
) -> None:
    record_check(verify_audit(), Actor("watch"))
    facts: dict[str, Any] = ChangeEvent.objects.latest("id").facts | {"is_intact": is_intact}
    del facts["state"]
    change_log.record(Action.LOG_CHECKED, Actor("watch"), **facts, **other)

    check = latest_check()
    assert check
    assert check.is_intact is is_intact
    assert check.state is (LogState.INTACT if is_intact else LogState.NOT_INTACT)


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
        as_owner(Seal, "UPDATE {table} SET digest = mac WHERE id = 5")

        assert check_within_budget().attempts == 5

    def test_a_forged_check_is_not_continued(self, li_wei_at_work: Client) -> None:
        """The owner of the tables alters an attempt and adds a check that found all intact."""
        record_check(verify_audit(deadline=-1), Actor("watch"))  # as far as seal 2
        as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '1' WHERE id = 3")
        forge_check(last_seal=5, head=ChainHead.objects.get().text, is_whole=True)
        page = li_wei_at_work.post("/admin/verification/seal/integrity/", follow=True)

        assert "Something in seal 3 (attempt 3) was altered." in page.text


def forge_check(**changes: Any) -> None:
    """Add a copy of the last check with other facts, key or MAC, without the key."""
    check = ChangeEvent.objects.filter(action=Action.LOG_CHECKED).latest("id")
    for name in ("key_id", "mac"):
        setattr(check, name, changes.pop(name, getattr(check, name)))
    add_copy(check, {**check.facts, **changes})


def add_copy(event: ChangeEvent, facts: dict[str, Any]) -> None:
    event.pk, event.recorded_at, event.facts = event.pk + 1000, timezone.now(), facts
    event.save(force_insert=True)


@pytest.mark.parametrize(
    "changes",
    [
        {"is_intact": True, "problems": [], "first_broken": None},
        {"is_intact": True, "key_id": "none"},
        {"is_intact": True, "mac": b""},
        {"is_intact": True, "mac": None},
    ],
)
def test_a_forged_check_is_not_shown(brand_a: OfficialAccount, changes: dict[str, Any]) -> None:
    wechat_calls()
    as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '1'")
    record_check(verify_audit(), Actor("watch"))
    genuine = latest_check()
    forge_check(**changes)

    assert genuine
    assert not genuine.is_intact
    assert latest_check() == genuine


def test_a_copy_of_an_older_check_is_not_shown(brand_a: OfficialAccount) -> None:
    wechat_calls()
    record_check(verify_audit(), Actor("watch"))
    older = ChangeEvent.objects.latest("id")
    as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '1'")
    record_check(verify_audit(), Actor("watch"))
    add_copy(older, older.facts)

    check = latest_check()
    assert check
    assert not check.is_intact


def test_a_check_under_an_older_key_still_counts(brand_a: OfficialAccount, settings: Any) -> None:
    record_check(verify_audit(), Actor("watch"))
    settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4, *settings.TOKEN_ENCRYPTION_KEYS]

    assert latest_check()
    settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4]
    assert latest_check() is None
