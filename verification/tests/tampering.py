"""What the owner of the database can do to the log, and nobody else."""

from __future__ import annotations

from django.db import connection, models


def as_owner(model: type[models.Model], statement: str) -> None:
    """Run a statement on the model's {table} with its triggers switched off, then on again."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(statement.format(table=table))
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")
            return
        cursor.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table]
        )
        triggers = cursor.fetchall()
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        cursor.execute(statement.format(table=table))
        for _, create in triggers:
            cursor.execute(create)
