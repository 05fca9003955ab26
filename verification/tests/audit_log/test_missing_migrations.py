"""A database that is yet to be migrated is named as that, and accuses nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from verification.audit_log.integrity import latest_check
from verification.audit_log.report import LogState
from verification.audit_log.schema_check import check_schema
from verification.audit_log.verifier import verify_audit
from verification.models import Alert
from verification.tests.support.admin_client import staff

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
BEFORE, LAST = "0012_batch_functions", "0013_platforms"


@pytest.fixture(autouse=True)
def _older_database(db: None) -> None:
    """Put the database back to where it was before the newest migration."""
    MigrationExecutor(connection).migrate([("verification", BEFORE)])


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


def test_the_check_of_the_log_says_to_migrate() -> None:
    with pytest.raises(CommandError) as raised:
        call_command("verify_audit")

    lines = str(raised.value).splitlines()
    assert lines[0] == f"Migrations are missing ({LAST})."
    assert lines[1].startswith("The log cannot be read before that: column ")
    assert lines[2:3] == [
        "Run manage.py migrate, and check the log again. If it says that nothing is to be migrated,"
        " or fails, follow “Chain broken” in docs/RUNBOOK.md.",
    ]
    check = latest_check()
    assert check is not None
    assert check.state is LogState.MIGRATIONS_MISSING


def test_watch_and_pages_say_so_too_until_the_database_is_migrated() -> None:
    with pytest.raises(CommandError):
        call_command("watch", once=True)
    wang_fang = staff("view_seal")
    home, integrity = wang_fang.get("/admin/"), wang_fang.get("/admin/verification/seal/integrity/")

    assert Alert.objects.get().title == "Migrations are missing"
    for text in (home.text, integrity.text):
        assert "Migrations are missing" in text
        assert "not as migrations make it" not in text
        assert "not intact" not in text.lower()
    call_command("migrate", verbosity=0)
    call_command("watch", once=True)
    check = latest_check()
    assert check is not None
    assert check.state is LogState.INTACT


def test_columns_that_are_yet_to_be_added_do_not_end_the_check_with_an_error() -> None:
    execute("ALTER TABLE verification_checkpoint DROP COLUMN mac")
    report = verify_audit()

    assert report.state is LogState.MIGRATIONS_MISSING
    assert report.problems[1].startswith("The log cannot be read before that: column ")


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        (
            "ALTER TABLE verification_seal DISABLE TRIGGER seal_refuses_update",
            "The trigger seal_refuses_update of verification_seal is not as migrations make it",
        ),
        (
            "CREATE RULE hides AS ON UPDATE TO verification_seal DO INSTEAD NOTHING",
            "No migration made the rule hides of verification_seal.",
        ),
        (
            "CREATE FUNCTION length(text) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
            "No migration made the function public.length(text).",
        ),
        (
            "ALTER TABLE verification_seal RENAME TO genuine;"
            "CREATE VIEW verification_seal AS SELECT * FROM genuine",
            "The table verification_seal is not as migrations make it",
        ),
    ],
)
def test_what_no_release_makes_is_a_difference_all_the_same(sql: str, sentence: str) -> None:
    execute(sql)
    check = check_schema(connection, timedelta(minutes=10))

    assert not check.is_older
    assert check.differences[0] == f"Migrations are missing ({LAST})."
    assert any(found.startswith(sentence) for found in check.differences), check.differences
