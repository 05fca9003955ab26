"""Tamper with the log, as only the owner of the database can."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, models


def as_owner(model: type[models.Model], statement: str) -> None:
    """Run a statement with the triggers of the model's table disabled.

    `{table}` in the statement stands for the name of the table.
    """
    with triggers_off(model), connection.cursor() as cursor:
        cursor.execute(statement.format(table=model._meta.db_table))


@contextmanager
def triggers_off(*changed: type[models.Model]) -> Iterator[None]:
    """Disable the triggers of these models' tables in the block."""
    tables = [model._meta.db_table for model in changed]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            yield
            for table in tables:
                cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            return
        cursor.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = [(name, sql) for name, table, sql in cursor.fetchall() if table in tables]
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for _, create in triggers:
            cursor.execute(create)


def drop_trigger() -> None:
    """Drop the trigger seal_refuses_update."""
    on_table = " ON verification_seal" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER seal_refuses_update{on_table}")
