"""Alerts about the log itself: altered attempts, a cut end, missing triggers."""

from __future__ import annotations

from django.core.management import call_command
from django.db import connection

from verification.models import ChainHead, OfficialAccount, Seal, VerificationAttempt
from verification.tests.alerts.conftest import Clock, Sent
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import actions, wechat_verifies
from verification.tests.support.tampering import as_owner

ALTER = "UPDATE {table} SET status = 500 WHERE id = "


def test_an_altered_attempt_is_reported_by_the_daily_check(
    connected: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    as_owner(VerificationAttempt, f"{ALTER} 1")
    assert sent() == ""
    clock.advance(hours=25)
    message = sent()

    assert message.startswith("The log is not intact\nChecked at 20")
    assert "Something in seal 1 (attempt 1) was altered." in message
    assert "verify_audit" in message
    assert message.endswith("https://wx.example.cn/admin/verification/seal/integrity/")
    assert sent() == ""


def test_an_altered_new_attempt_is_reported_in_the_next_round(
    connected: OfficialAccount, sent: Sent
) -> None:
    wechat_verifies(connected, A)
    as_owner(VerificationAttempt, f"{ALTER} 2")

    assert "Something in seal 2 (attempt 2) was altered." in sent()
    assert actions().count("log_checked") == 2


def test_a_broken_log_is_reported_once_a_day_until_it_is_restored(
    connected: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    as_owner(VerificationAttempt, f"{ALTER} 1")
    clock.advance(hours=25)
    assert "not intact" in sent()
    clock.advance(hours=23)
    assert sent() == ""
    clock.advance(hours=2)
    assert "not intact" in sent()

    as_owner(VerificationAttempt, "UPDATE {table} SET status = 200 WHERE id = 1")
    assert sent().startswith("The log is intact again\nThe check of 20")


def test_a_check_is_recorded_and_not_repeated_within_a_day(
    connected: OfficialAccount, sent: Sent
) -> None:
    sent()

    assert actions().count("log_checked") == 1


def test_a_missing_trigger_is_reported_in_the_next_round_with_what_was_altered(
    connected: OfficialAccount, sent: Sent
) -> None:
    as_owner(VerificationAttempt, f"{ALTER} 1")
    table = f" ON {Seal._meta.db_table}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER seal_refuses_delete{table}")
    message = sent()

    assert message.startswith("The log is not intact\nChecked at 20")
    assert "Something in seal 1 (attempt 1) was altered." in message
    assert "The log is no longer append-only\nSeen at 20" in message
    assert "The trigger seal_refuses_delete is missing." in message
    # Both alerts give the same order.
    assert message.count("First keep the evidence, as docs/RUNBOOK.md says") == 2


def test_a_cut_end_is_reported_even_if_the_head_was_reset(
    connected: OfficialAccount, sent: Sent
) -> None:
    first = ChainHead.objects.values("last_seal_id", "last_attempt_id", "last_digest").get()
    wechat_verifies(connected, A)
    sent()
    as_owner(Seal, "DELETE FROM {table} WHERE id = 2")
    ChainHead.objects.update(**first)

    assert "The log ends at seal 1, but you kept seal 2: its end was cut off." in sent()


def test_a_head_that_does_not_match_is_reported(connected: OfficialAccount, sent: Sent) -> None:
    ChainHead.objects.update(last_digest=bytes(32))

    assert "The chain's head is at seal 1" in sent()


def test_a_pruned_log_is_not_reported(connected: OfficialAccount, sent: Sent, clock: Clock) -> None:
    wechat_verifies(connected, A)
    sent()
    clock.advance(days=500)
    wechat_verifies(connected, A)
    call_command("prune_attempts", older_than="400d")

    assert Seal.objects.count() == 1
    assert sent() == ""
