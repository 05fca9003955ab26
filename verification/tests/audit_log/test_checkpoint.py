from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from verification.audit_log.checkpoint import make_checkpoint
from verification.audit_log.triggers import pruning_bypass
from verification.audit_log.verifier import verify_audit
from verification.models import (
    ChainHead,
    ChangeEvent,
    Checkpoint,
    Seal,
    Tally,
    VerificationAttempt,
)
from verification.tests.conftest import Record
from verification.tests.support.pruning import prune_older_than
from verification.tests.support.tampering import as_owner

NEW_KEY = "the-new-key-" * 4


def first_problem() -> str:
    """Return the first problem that a check reports."""
    return verify_audit().problems[0]


def cut_old_end(last_id: int) -> None:
    as_owner(VerificationAttempt, f"DELETE FROM {{table}} WHERE id <= {last_id}")
    as_owner(Seal, f"DELETE FROM {{table}} WHERE id <= {last_id}")


@pytest.fixture
def pruned(two_years: None) -> None:
    prune_older_than("400d")


def test_an_old_end_cut_off_without_a_checkpoint_is_found(two_years: None) -> None:
    cut_old_end(5)

    assert first_problem() == "Seal 1 is missing."


def test_an_old_end_cut_off_under_a_forged_checkpoint_is_found(two_years: None, settings) -> None:
    last, keys = Seal.objects.get(id=5), settings.TOKEN_ENCRYPTION_KEYS
    settings.TOKEN_ENCRYPTION_KEYS = ["a-key-of-the-database-owner-" * 2]
    forged = make_checkpoint(last, timezone.now(), "zhang.wei")
    settings.TOKEN_ENCRYPTION_KEYS = keys
    forged.key_id = last.key_id
    forged.save(force_insert=True)
    cut_old_end(5)

    assert first_problem() == "The MAC of the checkpoint at seal 5 was not made with our key."


@pytest.mark.usefixtures("pruned")
class TestTampering:
    """Every change that the owner of the database makes to a pruned log is found."""

    @pytest.mark.parametrize(
        "change",
        [
            "last_seal_id = 4",
            "last_attempt_id = 4",
            "recorded_at = '2024-01-01 00:00:00'",
            "pruned_at = '2024-01-01 00:00:00'",
            "actor = 'zhang.wei'",
            "key_id = 'beefbeef'",
            "digest = mac",
            "mac = digest",
        ],
    )
    def test_an_altered_checkpoint_is_found(self, change: str) -> None:
        as_owner(Checkpoint, f"UPDATE {{table}} SET {change}")

        assert "checkpoint" in first_problem()

    def test_a_missing_checkpoint_is_found(self) -> None:
        as_owner(Checkpoint, "DELETE FROM {table}")

        assert first_problem() == "Seal 1 is missing."

    def test_an_older_checkpoint_put_back_is_found(self, record: Record) -> None:
        older = Checkpoint.objects.get()
        record(0, 1)
        prune_older_than("0d", yes=True)
        older.save(force_insert=True)
        assert first_problem() == (
            "The checkpoint at seal 5 is out of place: a newer one replaces it."
        )

        as_owner(Checkpoint, "DELETE FROM {table} WHERE last_seal_id > 5")
        assert first_problem() == "Seal 6 is missing."

    def test_a_seal_removed_behind_the_checkpoint_is_found(self) -> None:
        cut_old_end(6)

        assert first_problem() == "Seal 6 is missing."

    def test_a_removed_attempt_put_back_is_found(self) -> None:
        attempt = VerificationAttempt.objects.get(id=6)
        attempt.id, attempt.seal_id = 3, 3
        attempt.save(force_insert=True)

        assert first_problem() == "Attempt 3 is out of place: the log begins with attempt 6."

    def test_a_removed_seal_put_back_is_found(self) -> None:
        seal = Seal.objects.get(id=6)
        seal.id = 3
        seal.save(force_insert=True)

        assert first_problem() == "Seal 3 is out of place: the log begins with seal 6."

    def test_a_wrong_count_of_an_hour_that_was_not_pruned_is_found(self) -> None:
        as_owner(Tally, "UPDATE {table} SET count = count + 1")

        problems = verify_audit().problems
        assert len(problems) == 2  # accepted and refused of today; the other hours were pruned
        assert all("says 2, but its attempts add up to 1" in problem for problem in problems)


def test_a_check_that_continues_from_a_pruned_seal_begins_at_the_checkpoint(
    two_years: None,
) -> None:
    last_checked = ChainHead()
    last_checked.move_to(Seal.objects.get(id=2))
    prune_older_than("400d")

    assert verify_audit(start=last_checked).problems == []


def test_in_the_hour_of_the_cut_only_too_many_attempts_are_found(record: Record) -> None:
    record(500, 4)
    prune_older_than("400d")  # all but the newest seal
    assert verify_audit().problems == []

    as_owner(Tally, "DELETE FROM {table}")
    assert "says 0, but its attempts add up to 1" in first_problem()


@pytest.mark.usefixtures("pruned")
class TestBypass:
    """Even with the bypass, only rows that the newest checkpoint replaces can be deleted."""

    @pytest.mark.parametrize("model", [VerificationAttempt, Seal, Checkpoint])
    def test_what_is_after_the_checkpoint_stays(self, model: type) -> None:
        assert refuses(f"DELETE FROM {model._meta.db_table}")  # type: ignore[attr-defined]

    @pytest.mark.parametrize("model", [Tally, ChangeEvent, ChainHead])
    def test_nothing_else_can_be_deleted(self, model: type) -> None:
        assert refuses(f"DELETE FROM {model._meta.db_table}")  # type: ignore[attr-defined]

    def test_no_record_can_be_changed(self) -> None:
        assert refuses("UPDATE verification_checkpoint SET actor = 'nobody'")
        assert refuses("UPDATE verification_seal SET count = 2")

    def test_what_the_checkpoint_replaces_can_only_be_deleted_with_the_bypass(self) -> None:
        seal = Seal.objects.get(id=6)
        seal.id = 3
        seal.save(force_insert=True)
        statement = "DELETE FROM verification_seal WHERE id = 3"
        with pytest.raises(DatabaseError), transaction.atomic():
            execute(statement)

        assert not refuses(statement)

    def test_it_ends_with_the_transaction(self) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            execute("DELETE FROM verification_seal")


def refuses(statement: str) -> bool:
    try:
        with transaction.atomic(), pruning_bypass(connection):
            execute(statement)
    except DatabaseError as error:
        return "audit log" in str(error)
    return False


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # otherwise rows just written would be refused first
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)


def test_a_checkpoint_needs_its_key_as_a_seal_does(pruned: None, settings) -> None:
    old = settings.TOKEN_ENCRYPTION_KEYS
    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY, *old]
    call_command("rotate_encryption_keys", yes=True)
    assert verify_audit().problems == []

    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY]
    assert "checkpoint at seal 5 is not in TOKEN_ENCRYPTION_KEYS" in first_problem()


def test_an_old_key_is_not_needed_once_all_its_seals_are_pruned(
    pruned: None, record: Record, settings
) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY, *settings.TOKEN_ENCRYPTION_KEYS]
    call_command("rotate_encryption_keys", yes=True)
    record(0, 1)
    prune_older_than("0d", yes=True)
    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY]

    assert verify_audit().problems == []


def test_a_checkpoint_says_when_and_by_whom(pruned: None) -> None:
    checkpoint = Checkpoint.objects.get()

    assert checkpoint.actor.startswith("command line")
    assert timezone.now() - checkpoint.pruned_at < timedelta(minutes=1)
