from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, DataError, OperationalError, ProgrammingError, connection
from django.db.migrations.exceptions import MigrationSchemaMissing

from verification.db.errors import advise, describe, format_unusable


def error_of(statement: str) -> DatabaseError:
    with pytest.raises(DatabaseError) as caught, connection.cursor() as cursor:
        cursor.execute(statement)
    return caught.value


@pytest.mark.postgresql
@pytest.mark.django_db
def test_an_error_is_described_with_its_sqlstate_and_message() -> None:
    error = error_of("SET LOCAL transaction_read_only = on; DELETE FROM verification_seal")

    assert describe(error) == (
        "InternalError 25006: cannot execute DELETE in a read-only transaction"
    )
    assert advise(error) == "It is read-only: it is a standby, or was set to read-only."


@pytest.mark.postgresql
@pytest.mark.django_db
def test_an_error_that_quotes_a_value_is_described_without_its_message() -> None:
    error = error_of("SELECT 'CanaryInTheCoalMine2026'::inet")

    assert isinstance(error, DataError)
    assert "CanaryInTheCoalMine2026" in str(error)
    assert describe(error) == "DataError 22P02"


def test_an_error_that_comes_from_no_server_is_described_by_its_kind() -> None:
    error = OperationalError("server closed the connection unexpectedly")

    assert describe(error) == "OperationalError"
    assert advise(error) == ""


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("Connection refused\n\tIs the server running on that host", "Connection refused"),
        (
            'FATAL:  role "app" is not permitted to log in\n',
            'FATAL: role "app" is not permitted to log in',
        ),
    ],
)
def test_a_failed_connection_is_described_with_its_cause(message: str, cause: str) -> None:
    error = OperationalError(f'connection to server at "10.0.0.7", port 5432 failed: {message}')

    assert describe(error) == f"OperationalError: {cause}"
    assert advise(error) == "Is it running, and is DATABASE_URL correct?"


def test_a_schema_without_the_right_to_create_is_named_instead_of_djangos_table() -> None:
    """The error of PostgreSQL 15 and later, as migrate raises it."""
    message = "permission denied for schema public\nLINE 1: CREATE TABLE django_migrations"
    try:
        try:
            raise ProgrammingError(message)
        except ProgrammingError as error:
            raise MigrationSchemaMissing(f"Unable to create the table ({error})")  # noqa: B904
    except MigrationSchemaMissing as error:
        sentences = format_unusable(error)

    assert sentences.startswith(
        "The database cannot be used: permission denied for schema public. Its user may not create"
    )


@pytest.mark.postgresql
@pytest.mark.django_db
def test_a_command_that_may_not_write_says_that_the_plan_may_be_full() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE reader; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
        cursor.execute("SET LOCAL ROLE reader")

    with pytest.raises(CommandError) as caught:
        call_command("add_account", "brand-c")
    assert str(caught.value) == (
        "The database cannot be used: permission denied for table verification_officialaccount."
        " Its plan may be full, or its user lacks that right."
    )
