from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.test import Client

from verification.audit_log import triggers
from verification.models import (
    ChainHead,
    ChangeEvent,
    OfficialAccount,
    Seal,
    Tally,
    Token,
    VerificationAttempt,
)
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A
from verification.tests.support.checkout import LOCAL, Checkout
from verification.tests.support.database import set_bypass
from verification.tests.support.signer import push, verification
from verification.tests.support.tampering import drop_trigger

COUNT_CHANGES = "from verification.models import ChangeEvent; print(ChangeEvent.objects.count())"
RECORDED = [VerificationAttempt, Seal, ChangeEvent]


@pytest.fixture(autouse=True)
def _one_of_each(brand_a: OfficialAccount, client: Client) -> None:
    client.get(f"/wechat/brand-a?{verification(A)}")


def refuses(statement: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if (
                connection.vendor == "postgresql"
            ):  # otherwise rows just written would be refused first
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(statement)
    except IntegrityError as error:
        return "audit log" in str(error)
    return False


@pytest.mark.parametrize("model", RECORDED)
def test_a_record_cannot_be_updated(model: type[models.Model]) -> None:
    table, column = model._meta.db_table, model._meta.concrete_fields[-1].column

    assert refuses(f"UPDATE {table} SET {column} = {column}")


@pytest.mark.parametrize("model", [*RECORDED, Tally, ChainHead, OfficialAccount, Token])
def test_nothing_that_the_log_needs_can_be_deleted(model: type[models.Model]) -> None:
    assert refuses(f"DELETE FROM {model._meta.db_table}")
    assert model._default_manager.exists()


@pytest.mark.postgresql
@pytest.mark.parametrize("model", [*RECORDED, Tally, ChainHead, OfficialAccount, Token])
def test_nothing_that_the_log_needs_can_be_truncated(model: type[models.Model]) -> None:
    assert refuses(f"TRUNCATE {model._meta.db_table} CASCADE")


@pytest.mark.parametrize("model", RECORDED)
def test_a_record_cannot_be_replaced(model: type[models.Model]) -> None:
    if connection.vendor == "sqlite":  # PostgreSQL has no REPLACE
        table = model._meta.db_table
        assert refuses(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")


def test_a_trigger_that_does_nothing_counts_as_missing(client: Client) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            body = "BEGIN RETURN NEW; END"
            cursor.execute(
                "CREATE OR REPLACE FUNCTION seal_refuses_update() RETURNS trigger "
                f"LANGUAGE plpgsql AS $${body}$$"
            )
        else:
            cursor.execute("DROP TRIGGER seal_refuses_update")
            cursor.execute(
                "CREATE TRIGGER seal_refuses_update BEFORE UPDATE ON verification_seal "
                "BEGIN SELECT 1; END"
            )

    assert [trigger.name for trigger in triggers.missing_triggers(connection)] == [
        "seal_refuses_update"
    ]
    triggers.install_triggers(connection)
    assert refuses("UPDATE verification_seal SET count = count")


def test_the_orm_cannot_update_or_delete_records_either() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        VerificationAttempt.objects.update(outcome=2)
    with pytest.raises(IntegrityError), transaction.atomic():
        Seal.objects.all().delete()
    with pytest.raises(models.ProtectedError):
        OfficialAccount.objects.get().delete()


def test_an_account_that_only_got_pushes_cannot_be_deleted(client: Client) -> None:
    make_account("quiet", "TokenOfTheQuiet12")
    client.post(f"/wechat/quiet?{push('TokenOfTheQuiet12')}")

    assert refuses("DELETE FROM verification_officialaccount WHERE slug = 'quiet'")


def test_an_account_that_was_never_called_can_be_deleted() -> None:
    make_account("mistake", "TokenOfTheMistake").delete()

    assert not OfficialAccount.objects.filter(slug="mistake").exists()


def test_with_the_bypass_rows_can_be_deleted_but_never_updated() -> None:
    set_bypass(is_open=True)
    try:
        assert refuses("UPDATE verification_seal SET count = 2")
        assert not refuses("DELETE FROM verification_seal")
    finally:
        set_bypass(is_open=False)
    assert not Seal.objects.exists()


def test_missing_triggers_are_evidence_that_migrate_puts_back_prints_and_records(
    client: Client,
) -> None:
    drop_trigger()
    ready = client.get("/readyz")
    output = StringIO()
    call_command("migrate", stdout=output)
    event = ChangeEvent.objects.latest("id")

    assert triggers.missing_triggers(connection) == []
    assert ready.status_code == 200
    assert "but the database is not as migrations make it. The trigger seal_refuses" in ready.text
    assert (
        "Installed triggers that were missing or altered: seal_refuses_update. If "
        in output.getvalue()
    )
    assert event.action == ChangeEvent.Action.TRIGGERS_INSTALLED
    assert event.facts == {"triggers": ["seal_refuses_update"]}
    assert event.actor.startswith("command line")
    assert client.get("/readyz").content == b"ready"


def test_a_migrate_that_finds_all_triggers_reports_none() -> None:
    output = StringIO()
    call_command("migrate", stdout=output)

    assert "triggers" not in output.getvalue()
    assert not ChangeEvent.objects.filter(action="triggers_installed").exists()


@pytest.mark.postgresql
def test_a_disabled_trigger_counts_as_missing(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE verification_seal DISABLE TRIGGER seal_refuses_update")

    assert "seal_refuses_update" in client.get("/readyz").content.decode()
    call_command("migrate", stdout=StringIO())
    assert client.get("/readyz").content == b"ready"


@pytest.mark.postgresql
@pytest.mark.parametrize("clause", ["WHEN (false)", ""])
def test_migrate_replaces_a_trigger_that_never_acts(client: Client, clause: str) -> None:
    of_column = "" if clause else "OF count"
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE OR REPLACE TRIGGER seal_refuses_update BEFORE UPDATE {of_column}"
            f" ON verification_seal FOR EACH ROW {clause} EXECUTE FUNCTION seal_refuses_update()"
        )

    assert "seal_refuses_update" in client.get("/readyz").text
    call_command("migrate", stdout=StringIO())
    assert client.get("/readyz").text == "ready"


@pytest.mark.postgresql
def test_triggers_of_another_schema_do_not_count() -> None:
    """As after somebody has renamed the schema and made it anew."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA front; CREATE TABLE front.verification_seal (id bigint)")
        cursor.execute("SET LOCAL search_path = front, public")

    names = {trigger.name for trigger in triggers.missing_triggers(connection)}
    assert names == {"seal_refuses_update", "seal_refuses_delete", "seal_refuses_truncate"}


@pytest.mark.process
def test_migrations_run_back_and_forth(tmp_path: Path) -> None:
    """Triggers are removed meanwhile: SQLite refuses to drop or rename a table that one names."""
    checkout = Checkout(tmp_path)
    on_sqlite = {**LOCAL, "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    for target in ([], ["verification", "0001"], [], ["verification", "zero"], []):
        migrated = checkout.manage("migrate", "-v0", *target, **on_sqlite)
        assert (migrated.returncode, migrated.stderr) == (0, "")

    # A migrate that creates the tables has put nothing back.
    totals = checkout.manage("shell", "-v0", "-c", COUNT_CHANGES, **on_sqlite)
    assert totals.stdout == "0\n"
    checked = checkout.manage("verify_audit", **on_sqlite)
    assert "tables and triggers are in place" in checked.stdout
