from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import StringIO

import psycopg2
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.test import Client

from verification.audit_log.schema_check import (
    DIFFERENCE_ADVICE,
    SchemaCheck,
    check_schema,
    expected_schema,
    migrated_schema,
)
from verification.audit_log.verifier import verify_audit
from verification.models import OfficialAccount
from verification.tests.support.admin_client import call

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]

#: What a database administrator may do to the tables of an application.
HARMLESS = [
    "CREATE INDEX by_host ON verification_verificationattempt (host)",
    "CREATE INDEX by_host ON verification_verificationattempt (lower(host)) WHERE outcome = 2",
    "CREATE INDEX pkey_again ON verification_seal (id)",
    "CREATE UNIQUE INDEX verification_seal_pkey_ccnew ON verification_seal (id)",
    "CREATE STATISTICS of_attempts ON kind, outcome FROM verification_verificationattempt",
    "ALTER TABLE verification_seal ALTER COLUMN count SET STATISTICS 500",
    "ALTER TABLE verification_verificationattempt SET (autovacuum_vacuum_scale_factor = 0.01)",
    "ALTER INDEX verification_seal_pkey SET (fillfactor = 50)",
    "ALTER TABLE verification_seal ALTER COLUMN digest SET STORAGE EXTERNAL",
    "ALTER TABLE verification_seal REPLICA IDENTITY FULL",
    "ALTER TABLE verification_seal CLUSTER ON verification_seal_pkey",
    "REINDEX TABLE verification_seal",
    "COMMENT ON TABLE verification_seal IS 'of the gateway'",
    "CREATE ROLE zhang_wei; GRANT SELECT ON verification_seal TO zhang_wei",
    "CREATE ROLE zhang_wei; ALTER TABLE verification_alert OWNER TO zhang_wei",
    "CREATE TABLE of_another_program (id integer)",
    "CREATE SCHEMA other; CREATE TABLE other.verification_seal (id integer)",
    "CREATE VIEW report AS SELECT count(*) FROM verification_verificationattempt",
    "CREATE FUNCTION report() RETURNS bigint LANGUAGE sql AS 'SELECT 1::bigint'",
    "CREATE PUBLICATION of_attempts FOR TABLE verification_verificationattempt",
    "ALTER ROLE CURRENT_USER SET timezone = 'Asia/Shanghai'",
    "ALTER ROLE CURRENT_USER SET bytea_output = 'escape'",
    "ALTER ROLE CURRENT_USER SET quote_all_identifiers = on; SET LOCAL quote_all_identifiers = on",
    "SET LOCAL session_replication_role = origin",
    "CREATE FUNCTION at_ddl() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';"
    "CREATE EVENT TRIGGER at_ddl ON ddl_command_end EXECUTE FUNCTION at_ddl()",
]
FORGE = """
ALTER TABLE verification_verificationattempt RENAME TO genuine;
CREATE VIEW verification_verificationattempt AS SELECT {columns} FROM genuine;
CREATE FUNCTION write_genuine() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN INSERT INTO genuine SELECT NEW.*; RETURN NEW; END';
CREATE TRIGGER writes INSTEAD OF INSERT ON verification_verificationattempt
    FOR EACH ROW EXECUTE FUNCTION write_genuine();
CREATE SCHEMA decoy;
CREATE TABLE decoy.verification_verificationattempt (LIKE genuine);"""


def differences_after(sql: str) -> list[str]:
    """Return what the check says about a schema after these statements, which are undone."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
        differences = check_schema(connection).differences
        transaction.set_rollback(True)
    return differences


def execute(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize(
    ("sql", "sentence", "mended_by"),
    [
        (
            "DROP FUNCTION verification_read",
            "The function verification_read is missing.",
            "For a missing or altered function, run manage.py migrate verification 0011 and then "
            "manage.py migrate.",
        ),
        (
            "DROP TRIGGER seal_refuses_update ON verification_seal",
            "The trigger seal_refuses_update of verification_seal is missing.",
            "For a missing or altered trigger, run manage.py migrate, which installs it again.",
        ),
        (
            "CREATE OR REPLACE FUNCTION seal_refuses_update() RETURNS trigger LANGUAGE plpgsql"
            " AS 'BEGIN RETURN OLD; END'",
            "The function of the trigger seal_refuses_update of verification_seal is not as "
            "migrations make it: its body differs.",
            "For a missing or altered trigger, run manage.py migrate, which installs it again.",
        ),
        (
            "ALTER TABLE verification_seal ADD COLUMN note text",
            "No migration made the column note of verification_seal.",
            "",
        ),
    ],
)
def test_the_advice_says_what_mends_the_difference(sql: str, sentence: str, mended_by: str) -> None:
    execute(sql)
    check = check_schema(connection)

    assert check.differences == [sentence]
    assert check.advice == f"{DIFFERENCE_ADVICE} {mended_by}".strip()


def test_the_expected_schema_is_what_migrations_make() -> None:
    assert migrated_schema(connection) == expected_schema(), "Run script/write_schema."


def test_a_migrated_database_has_no_differences() -> None:
    assert check_schema(connection) == SchemaCheck()


@pytest.mark.parametrize("sql", HARMLESS)
def test_what_an_administrator_tunes_is_no_difference(sql: str) -> None:
    assert differences_after(sql) == []


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        (
            "ALTER TABLE verification_seal ALTER COLUMN version TYPE integer",
            "The column version of verification_seal is not as migrations make it: "
            "“integer” instead of “smallint”.",
        ),
        (
            "ALTER TABLE verification_seal ALTER COLUMN version DROP NOT NULL",
            "The column version of verification_seal is not as migrations make it: "
            "it lacks “NOT NULL”.",
        ),
        (
            "ALTER TABLE verification_seal DISABLE TRIGGER seal_refuses_update",
            "The trigger seal_refuses_update of verification_seal is not as migrations make it: "
            "“seal_refuses_update(), disabled” instead of “seal_refuses_update()”.",
        ),
        (
            "CREATE RULE hides AS ON UPDATE TO verification_seal DO INSTEAD NOTHING",
            "No migration made the rule hides of verification_seal.",
        ),
        (
            "ALTER FUNCTION seal_refuses_update() SET verification.bypass = 'empty'",
            "The function of the trigger seal_refuses_update of verification_seal is not as "
            "migrations make it: “plpgsql, SET verification.bypass=empty” instead of “plpgsql”.",
        ),
        (
            "ALTER ROLE CURRENT_USER SET session_replication_role = replica",
            "The setting session_replication_role of the role is “replica”, which may open the "
            "log to changes or hide rows.",
        ),
        (
            "DROP TABLE verification_pendingreveal",
            "The table verification_pendingreveal is missing.",
        ),
        (
            "DROP TRIGGER seal_refuses_update ON verification_seal",
            "The trigger seal_refuses_update of verification_seal is missing.",
        ),
    ],
)
def test_a_difference_is_named_in_one_sentence(sql: str, sentence: str) -> None:
    assert differences_after(sql) == [sentence]


def test_an_index_that_is_not_complete_does_not_replace_a_missing_one() -> None:
    differences = differences_after(
        "ALTER INDEX tally_one_an_hour RENAME TO tally_one_an_hour_ccnew;"
        "UPDATE pg_index SET indisvalid = false"
        " WHERE indexrelid = 'tally_one_an_hour_ccnew'::regclass"
    )

    assert differences == ["The index tally_one_an_hour of verification_tally is missing."]


def test_a_view_in_place_of_the_attempts_is_found_by_whatever_checks_the_log(
    on_record: OfficialAccount, client: Client
) -> None:
    """Pages and CSV read the view, and COPY, which the seals are compared with, the table."""
    columns = ", ".join(
        part.name
        if part.name != "client_ip"
        else "CASE WHEN current_query() ~ 'COPY' THEN client_ip ELSE '192.0.2.66' END AS client_ip"
        for part in expected_schema()
        if part[:2] == ("verification_verificationattempt", "column")
    )
    execute(FORGE.format(columns=columns))
    sentence = (
        "The table verification_verificationattempt is not as migrations make it: "
        "“view” instead of “plain table”."
    )

    assert verify_audit().problems == [sentence]
    assert sentence in client.get("/readyz").text
    with pytest.raises(CommandError, match="“view” instead of “plain table”"):
        call_command("verify_audit", stdout=StringIO())
    with pytest.raises(CommandError, match="The check of the log found a problem"):
        call_command("watch", once=True)


def test_a_difference_is_told_but_callbacks_are_still_answered(
    brand_a: OfficialAccount, client: Client
) -> None:
    execute("ALTER TABLE verification_seal ADD COLUMN note text")
    ready = client.get("/readyz")

    assert ready.status_code == 200
    assert ready.text == (
        "ready, but the database is not as migrations make it. "
        f"No migration made the column note of verification_seal. {DIFFERENCE_ADVICE}"
    )
    call("/wechat/brand-a", "TokenOfBrandA1234")
    assert verify_audit().attempts == 1


def test_the_first_differences_are_named_and_the_others_counted(client: Client) -> None:
    execute("ALTER TABLE verification_seal DISABLE TRIGGER USER")
    execute("ALTER TABLE verification_tally DISABLE TRIGGER USER")

    assert "not as migrations make it: " in client.get("/readyz").text
    assert " 2 more: run manage.py verify_audit. " in client.get("/readyz").text


# --- Where the tables are


@contextmanager
def database(template: str) -> Iterator[Callable[[], BaseDatabaseWrapper]]:
    """Create a database for the block, and yield a function that connects to it."""
    name = f"{connection.settings_dict['NAME']}_{template}"
    parameters = {**connection.get_connection_params(), "dbname": "postgres"}
    parameters = {key: value for key, value in parameters.items() if "factory" not in key}
    with closing(psycopg2.connect(**parameters)) as server:
        server.autocommit = True
        copies: list[BaseDatabaseWrapper] = []

        def connect() -> BaseDatabaseWrapper:
            copies.append(connection.copy(alias="default"))
            copies[-1].settings_dict["NAME"] = name
            return copies[-1]

        with server.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
            try:
                yield connect
            finally:
                for copy in copies:
                    copy.close()
                cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_a_restored_backup_has_no_differences() -> None:
    if not shutil.which("pg_dump"):
        pytest.skip("there is no pg_dump")
    with database("restored") as connect:
        restored = connect()
        arguments = {**os.environ, "PGHOST": str(restored.settings_dict["HOST"])}
        arguments |= {
            "PGPORT": str(restored.settings_dict["PORT"]),
            "PGUSER": str(restored.settings_dict["USER"]),
        }
        dump = subprocess.run(
            ["pg_dump", str(connection.settings_dict["NAME"])],
            env=arguments,
            capture_output=True,
            check=True,
        )
        subprocess.run(
            ["psql", "-qX", "-v", "ON_ERROR_STOP=1", str(restored.settings_dict["NAME"])],
            env=arguments,
            input=dump.stdout,
            capture_output=True,
            check=True,
        )

        assert check_schema(restored).differences == []


def test_the_tables_may_be_in_a_schema_of_their_own() -> None:
    sql = "CREATE SCHEMA gateway; SET LOCAL search_path = gateway; "
    parts = expected_schema()
    names = {part.table for part in parts if part.table} | {"django_migrations", "auth_user"}
    moves = [f"ALTER TABLE public.{name} SET SCHEMA gateway;" for name in sorted(names)]
    functions = {part.name for part in parts if part.kind in ("trigger", "function")}
    moves += [f"ALTER ROUTINE public.{name} SET SCHEMA gateway;" for name in sorted(functions)]

    assert differences_after(sql + "".join(moves)) == []


def test_a_user_who_owns_nothing_sees_the_same() -> None:
    execute("CREATE ROLE zhang_wei; GRANT SELECT ON django_migrations TO zhang_wei")

    assert differences_after("SET LOCAL ROLE zhang_wei") == []
