"""A database that a newer release has migrated is named as that, and accuses nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from verification.audit_log.integrity import latest_check
from verification.audit_log.report import LogState
from verification.audit_log.schema_check import check_schema
from verification.models import Alert
from verification.tests.support.admin_client import staff

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _newer_database(db: None) -> None:
    """Migrate the database as a newer release would."""
    execute("ALTER TABLE verification_seal ADD COLUMN note text")
    MigrationRecorder(connection).record_applied("verification", "9999_a_note")


def let_an_hour_pass() -> None:
    execute("UPDATE django_migrations SET applied = now() - interval '1 hour' WHERE id > 0")


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def check_found(state: LogState) -> bool:
    check = latest_check()
    return check is not None and check.state is state


def test_it_is_one_difference() -> None:
    check = check_schema(connection)

    assert check.differences == [
        "A newer release has migrated the database (9999_a_note), so this release does not know "
        "how its tables should be."
    ]
    assert check.advice == "Restart all processes with the newer release."


def test_watch_leaves_it_out_for_ten_minutes_and_every_page_names_it_after_that(
    client: Client,
) -> None:
    call_command("watch", once=True)  # with the daily check of the whole log
    assert check_found(LogState.INTACT)
    let_an_hour_pass()
    with pytest.raises(CommandError, match="The check of the log found a problem"):
        call_command("watch", once=True)

    assert check_found(LogState.NEWER_RELEASE)
    assert Alert.objects.get().title == "The database is newer than this release"
    wang_fang = staff("view_seal")
    home, integrity = wang_fang.get("/admin/"), wang_fang.get("/admin/verification/seal/integrity/")
    for text in (home.text, integrity.text, client.get("/readyz").text):
        assert "newer than this release" in text or "a newer release has migrated" in text
        assert "not as migrations make it" not in text
        assert "not intact" not in text.lower()
    assert integrity.text.count("newer than this release") == 1


def test_a_process_of_the_newer_release_checks_the_log_again() -> None:
    let_an_hour_pass()
    with pytest.raises(CommandError, match="The check of the log found a problem"):
        call_command("watch", once=True)
    MigrationRecorder(connection).record_unapplied("verification", "9999_a_note")
    execute("ALTER TABLE verification_seal DROP COLUMN note")  # as if this release knew it

    call_command("watch", once=True)
    assert check_found(LogState.INTACT)


def test_a_migration_that_claims_to_be_applied_in_the_future_hides_no_difference() -> None:
    execute("UPDATE django_migrations SET applied = '2999-01-01' WHERE name = '9999_a_note'")

    assert check_schema(connection, timedelta(minutes=10)).differences
