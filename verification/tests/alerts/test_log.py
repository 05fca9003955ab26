"""What is told of the log itself: a changed past, a cut end, missing guards."""

from __future__ import annotations

from django.core.management import call_command
from django.db import connection

from verification.models import ChainHead, OfficialAccount, Seal, VerificationAttempt
from verification.tests.alerts.conftest import Clock, Told
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import actions, wechat_verifies
from verification.tests.support.tampering import as_owner

ALTER = "UPDATE {table} SET status = 500 WHERE id = "


def test_a_changed_past_is_told_by_the_daily_check(
    connected: OfficialAccount, told: Told, clock: Clock
) -> None:
    as_owner(VerificationAttempt, f"{ALTER} 1")
    assert told() == ""
    clock.goes_on(hours=25)
    said = told()

    assert said.startswith("The log is not intact\nChecked at 20")
    assert "Something in seal 1 (attempt 1) was altered." in said
    assert "verify_audit" in said
    assert said.endswith("https://wx.example.cn/admin/verification/seal/integrity/")
    assert told() == ""


def test_a_change_of_what_just_came_is_told_at_the_next_look(
    connected: OfficialAccount, told: Told
) -> None:
    wechat_verifies(connected, A)
    as_owner(VerificationAttempt, f"{ALTER} 2")

    assert "Something in seal 2 (attempt 2) was altered." in told()
    assert actions().count("log_checked") == 2


def test_a_log_that_stays_broken_is_told_once_a_day_until_it_was_put_back(
    connected: OfficialAccount, told: Told, clock: Clock
) -> None:
    as_owner(VerificationAttempt, f"{ALTER} 1")
    clock.goes_on(hours=25)
    assert "not intact" in told()
    clock.goes_on(hours=23)
    assert told() == ""
    clock.goes_on(hours=2)
    assert "not intact" in told()

    as_owner(VerificationAttempt, "UPDATE {table} SET status = 200 WHERE id = 1")
    assert told().startswith("The log is intact again\nThe check of 20")


def test_a_check_is_recorded_and_not_repeated_within_a_day(
    connected: OfficialAccount, told: Told
) -> None:
    told()

    assert actions().count("log_checked") == 1


def test_a_missing_trigger_is_told_at_the_next_look_with_what_was_changed(
    connected: OfficialAccount, told: Told
) -> None:
    as_owner(VerificationAttempt, f"{ALTER} 1")
    table = f" ON {Seal._meta.db_table}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER seal_refuses_delete{table}")
    said = told()

    assert said.startswith("The log is not intact\nChecked at 20")
    assert "Something in seal 1 (attempt 1) was altered." in said
    assert "The log is not append-only any more\nSeen at 20" in said
    assert "The trigger seal_refuses_delete is missing." in said


def test_an_end_that_was_cut_off_is_told_even_if_the_head_was_set_back(
    connected: OfficialAccount, told: Told
) -> None:
    first = ChainHead.objects.values("last_seal_id", "last_attempt_id", "last_digest").get()
    wechat_verifies(connected, A)
    told()
    as_owner(Seal, "DELETE FROM {table} WHERE id = 2")
    ChainHead.objects.update(**first)

    assert "The log ends at seal 1, but you kept seal 2: its end was cut off." in told()


def test_a_head_that_does_not_fit_is_told(connected: OfficialAccount, told: Told) -> None:
    ChainHead.objects.update(last_digest=bytes(32))

    assert "The chain's head is at seal 1" in told()


def test_a_pruned_past_is_no_alarm(connected: OfficialAccount, told: Told, clock: Clock) -> None:
    wechat_verifies(connected, A)
    told()
    clock.goes_on(days=500)
    wechat_verifies(connected, A)
    call_command("prune_attempts", older_than="400d")

    assert Seal.objects.count() == 1
    assert told() == ""
