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
from verification.audit_log.schema_check import SchemaCheck, check_schema
from verification.audit_log.verifier import verify_audit
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
        "all of it."
    ]
    assert check.is_newer
    assert check.advice == (
        "Restart all processes with the newer release. If all of them run the newest release "
        "already, no release made that migration: follow “Chain broken” in docs/RUNBOOK.md."
    )


def test_it_is_named_even_if_that_migration_changed_only_rows() -> None:
    execute("ALTER TABLE verification_seal DROP COLUMN note")

    assert check_schema(connection).title == "The database is newer than this release"


#: What a newer release of ours does to tables that this one uses.
BY_A_RELEASE = [
    "ALTER TABLE verification_seal ADD COLUMN mood smallint NOT NULL DEFAULT 0",
    "ALTER TABLE verification_alert ADD CONSTRAINT has_id CHECK (id > 0)",
    "CREATE UNIQUE INDEX by_key_id ON verification_seal (id, key_id)",
    "CREATE TABLE verification_note (id bigint PRIMARY KEY)",
    "CREATE FUNCTION verification_record_2(integer) RETURNS integer LANGUAGE sql AS 'SELECT $1'",
]
ADD_A_TRIGGER = """
CREATE FUNCTION copies() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER copies BEFORE INSERT ON verification_token FOR EACH ROW EXECUTE FUNCTION copies()"""


@pytest.mark.parametrize("sql", BY_A_RELEASE)
def test_what_a_release_adds_accuses_nobody(sql: str) -> None:
    execute(sql)

    assert check_schema(connection).is_newer
    assert check_schema(connection, timedelta(minutes=10)) == SchemaCheck()


def test_a_trigger_is_of_the_newer_release_only_during_the_roll_out() -> None:
    execute(ADD_A_TRIGGER)

    assert check_schema(connection, timedelta(minutes=10)) == SchemaCheck()
    assert "No migration made the trigger copies of verification_token." in (
        check_schema(connection).differences
    )


@pytest.mark.parametrize("roll_out", [timedelta(0), timedelta(minutes=10)])
@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        (
            "DROP FUNCTION verification_record CASCADE",
            "The function verification_record is missing.",
        ),
        (
            "CREATE FUNCTION verification_read(text) RETURNS text LANGUAGE sql AS 'SELECT $1'",
            "The function verification_read is not as migrations make it",
        ),
        (
            "ALTER TABLE verification_seal DISABLE TRIGGER seal_refuses_update",
            "The trigger seal_refuses_update of verification_seal is not as migrations make it",
        ),
        (
            "DROP TRIGGER tally_refuses_delete ON verification_tally",
            "The trigger tally_refuses_delete of verification_tally is missing.",
        ),
        (
            "CREATE OR REPLACE FUNCTION seal_refuses_update() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN NEW; END'",
            "The function of the trigger seal_refuses_update of verification_seal is not as "
            "migrations make it: its body differs.",
        ),
        (
            "CREATE RULE hides AS ON UPDATE TO verification_seal DO INSTEAD NOTHING",
            "No migration made the rule hides of verification_seal.",
        ),
        (
            "CREATE POLICY hides ON verification_seal USING (false)",
            "No migration made the policy hides of verification_seal.",
        ),
        (
            "ALTER TABLE verification_verificationattempt RENAME TO genuine;"
            "CREATE VIEW verification_verificationattempt AS SELECT * FROM genuine",
            "The table verification_verificationattempt is not as migrations make it",
        ),
        (
            "ALTER TABLE verification_seal ALTER COLUMN version TYPE integer",
            "The column version of verification_seal is not as migrations make it",
        ),
        (
            "ALTER ROLE CURRENT_USER SET session_replication_role = replica",
            "The setting session_replication_role of the role is “replica”",
        ),
        (
            "SET LOCAL search_path = public, pg_catalog",
            "The setting search_path is",
        ),
        (
            "CREATE FUNCTION length(text) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "No migration made the function public.length(text).",
        ),
    ],
)
def test_its_migration_hides_nothing_that_this_release_knows(
    sql: str, sentence: str, roll_out: timedelta
) -> None:
    execute(sql)
    check = check_schema(connection, roll_out)

    assert not check.is_newer
    assert check.differences[0].startswith("A newer release has migrated the database (9999")
    assert any(found.startswith(sentence) for found in check.differences), check.differences
    assert check.advice.startswith("Somebody may have opened the log to changes")
    assert "no release made that migration" in check.advice


def test_a_forged_migration_does_not_keep_a_report_from_saying_that_the_log_is_not_intact() -> None:
    execute("ALTER TABLE verification_seal DISABLE TRIGGER seal_refuses_update")

    assert verify_audit().state is LogState.NOT_INTACT


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
