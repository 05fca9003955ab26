"""Alerts about the log itself: altered attempts, a cut end, missing triggers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from verification.accounts.pausing import pause
from verification.accounts.tokens import rotate_token
from verification.alerts.watch import Watch
from verification.audit_log.report import MISSING_SEAL_KEY_ADVICE
from verification.audit_log.verifier import KeptHead, verify_audit
from verification.management.commands.watch import print_head
from verification.models import (
    ChainHead,
    ChangeEvent,
    OfficialAccount,
    Seal,
    Token,
    VerificationAttempt,
)
from verification.tests.alerts.conftest import Clock, Sent
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import actions, wechat_verifies
from verification.tests.support.backups import restored_afterwards
from verification.tests.support.tampering import as_owner
from verification.tests.support.wecom_robot import Robot

NEW_KEY = "the-key-of-2026-" * 3
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
    clock.advance(hours=25)
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
    assert "The database is not as migrations make it\nSeen at 20" in message
    assert "The trigger seal_refuses_delete of verification_seal is missing." in message
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

    message = sent()
    assert "The log's head went back\nSeen at 20" in message
    assert "The log ends at seal 1, but you kept seal 2: its end was cut off." in message


def test_a_head_that_does_not_match_is_reported(connected: OfficialAccount, sent: Sent) -> None:
    ChainHead.objects.update(last_digest=bytes(32))

    assert "The chain's head is not that of seal 1, the last one" in sent()


def test_a_pruned_log_is_not_reported(connected: OfficialAccount, sent: Sent, clock: Clock) -> None:
    wechat_verifies(connected, A)
    sent()
    clock.advance(days=500)
    wechat_verifies(connected, A)
    call_command("prune_attempts", older_than="400d")

    assert Seal.objects.count() == 1
    assert sent() == ""


def test_a_missing_key_is_no_accusation_and_ends_with_the_key(
    connected: OfficialAccount, sent: Sent, clock: Clock, settings: Any
) -> None:
    ours = settings.TOKEN_ENCRYPTION_KEYS
    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY]
    clock.advance(hours=25)
    message = sent()

    assert message.startswith("The log cannot be checked: a key is missing\nChecked at 20")
    assert "of seal 1 (attempt 1) is not in TOKEN_ENCRYPTION_KEYS" in message
    assert str(MISSING_SEAL_KEY_ADVICE) in message
    assert "not intact" not in message
    assert sent() == ""
    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY, *ours]
    clock.advance(hours=25)
    assert "The log is intact again" in sent()


def test_an_alteration_is_reported_at_once_although_a_key_is_missing(
    connected: OfficialAccount, sent: Sent, clock: Clock, settings: Any
) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY]
    clock.advance(hours=25)
    sent()
    wechat_verifies(connected, A)
    as_owner(VerificationAttempt, f"{ALTER} 2")
    message = sent()

    assert "The log is not intact\nChecked at 20" in message
    assert "Something in seal 2 (attempt 2) was altered." in message


# --- The change log, and accounts that differ from it


def test_an_altered_account_is_reported_in_the_next_round_until_it_is_corrected(
    connected: OfficialAccount, sent: Sent
) -> None:
    event = ChangeEvent.objects.filter(action="token_created").latest("id").pk
    Token.objects.update(created_by="somebody else")
    message = sent()

    assert message.startswith("The log is not intact\nChecked at 20")
    assert "the token 8f9abd is not as change event" in message
    assert f"change event {event} recorded it." in message
    assert sent() == ""
    rotate_token(connected, "NewTokenOfBrandA99", LI_WEI, keep_old=timedelta(0))
    call_command("verify_audit")
    assert "The log is intact again" in sent()


def test_an_altered_new_event_is_reported_in_the_next_round(
    connected: OfficialAccount, sent: Sent
) -> None:
    pause(connected, LI_WEI)
    last = ChangeEvent.objects.latest("id").pk
    as_owner(ChangeEvent, f"UPDATE {{table}} SET actor = 'wang.fang' WHERE id = {last}")

    assert f"Change event {last} was altered, or this server did not record it" in sent()


def test_an_altered_old_event_is_reported_by_the_daily_check(
    connected: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    first = ChangeEvent.objects.earliest("id").pk
    as_owner(ChangeEvent, f"UPDATE {{table}} SET actor = 'wang.fang' WHERE id = {first}")
    assert sent() == ""
    clock.advance(hours=25)

    assert f"Change event {first} was altered" in sent()


def test_a_cut_end_of_the_change_log_is_reported_once(
    connected: OfficialAccount, sent: Sent
) -> None:
    before = OfficialAccount.objects.values().get()
    pause(connected, LI_WEI)
    assert sent() == ""
    last = ChangeEvent.objects.latest("id").pk
    as_owner(ChangeEvent, f"DELETE FROM {{table}} WHERE id = {last}")
    OfficialAccount.objects.update(**before)
    message = sent()

    assert message.startswith("The log's head went back\nSeen at 20")
    assert f"The change log lacks event {last}, which an earlier check has seen" in message
    assert verify_audit().problems == []  # no check of the log alone can find it
    checks = actions().count("log_checked")
    assert sent() == ""
    assert actions().count("log_checked") == checks


# --- An older backup


def test_a_restored_backup_is_reported_with_what_to_do(
    connected: OfficialAccount, sent: Sent
) -> None:
    with restored_afterwards():
        wechat_verifies(connected, A)
        sent()
    message = sent()

    assert message.startswith("The log's head went back\nSeen at 20")
    assert "The log ends at seal 1, but you kept seal 2: its end was cut off." in message
    assert "An older backup of the database was restored, or the log was replaced." in message
    assert "docs/RUNBOOK.md, “Log went back”" in message
    assert sent() == ""


def test_a_restored_backup_is_reported_even_if_the_log_goes_on(
    connected: OfficialAccount, sent: Sent
) -> None:
    with restored_afterwards():
        wechat_verifies(connected, A)
        sent()
    wechat_verifies(connected, A)
    wechat_verifies(connected, A)

    assert "Seal 2 is not the one that you kept: the log was rewritten." in sent()
    assert verify_audit().problems == []  # no check of the log alone can find it


def test_a_restart_does_not_hide_a_restored_backup_from_a_kept_head(
    connected: OfficialAccount, robot: Robot
) -> None:
    with restored_afterwards():
        wechat_verifies(connected, A)
        head = ChainHead.objects.get().text
    wechat_verifies(connected, A)

    call_command("watch", once=True)
    assert "went back" not in "".join(robot.received)
    with pytest.raises(CommandError, match="found a problem"):
        call_command("watch", once=True, head=head)
    assert robot.received[-1].startswith("The log's head went back\n")


def test_the_head_that_was_printed_last_is_compared_too(
    connected: OfficialAccount, watch: Watch, sent: Sent
) -> None:
    with restored_afterwards():
        wechat_verifies(connected, A)
        watch.printed = print_head()  # and no round after it

    assert "The log ends at seal 1, but you kept seal 2" in sent()
    assert sent() == ""


def test_a_kept_head_that_was_pruned_or_still_fits_is_not_reported(
    connected: OfficialAccount, watch: Watch, sent: Sent, clock: Clock
) -> None:
    head = KeptHead(1, bytes(ChainHead.objects.get().last_digest))
    watch.printed = head
    wechat_verifies(connected, A)
    assert sent() == ""

    clock.advance(days=500)
    wechat_verifies(connected, A)
    call_command("prune_attempts", older_than="400d")
    watch.printed = head
    assert sent() == ""


def test_a_malformed_head_is_refused(db: None) -> None:
    with pytest.raises(CommandError, match='"77" is not a head'):
        call_command("watch", once=True, head="77")
