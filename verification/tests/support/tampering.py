"""Tamper with the log, as only the owner of the database can."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db import DatabaseError, connection, models

from verification.change_log import MAC_PREFIX, digest_of
from verification.keys import compute_mac, seal_keys
from verification.models import ChangeEvent
from verification.models.chain import GENESIS


def as_owner(model: type[models.Model], statement: str) -> None:
    """Run a statement with the triggers of the model's table disabled.

    `{table}` in the statement stands for the name of the table.
    """
    with triggers_off(model), connection.cursor() as cursor:
        cursor.execute(statement.format(table=model._meta.db_table))


@contextmanager
def triggers_off(*changed: type[models.Model]) -> Iterator[None]:
    """Disable the triggers of these models' tables in the block; on PostgreSQL, all triggers."""
    tables = [model._meta.db_table for model in changed]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # ALTER TABLE takes ever longer in a transaction that has altered many tables.
            cursor.execute("SET session_replication_role = replica")
            try:
                yield
            finally:
                with suppress(DatabaseError):  # A rollback sets it back, too.
                    cursor.execute("SET session_replication_role = origin")
            return
        cursor.execute("SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = [(name, sql) for name, table, sql in cursor.fetchall() if table in tables]
        for name, _ in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for _, create in triggers:
            cursor.execute(create)


def rewrite_change_log(**values: Any) -> None:
    """Set these columns of all events, and chain them anew, as only the owner of the key can."""
    previous, (key_id, key) = GENESIS, next(iter(seal_keys().items()))
    with triggers_off(ChangeEvent):
        for event in ChangeEvent.objects.order_by("id"):
            for name, value in {**values, "previous": previous, "key_id": key_id}.items():
                setattr(event, name, value)
            previous = digest_of(event)
            event.mac = compute_mac(key, MAC_PREFIX + previous)
            event.save()


def drop_trigger() -> None:
    """Drop the trigger seal_refuses_update."""
    on_table = " ON verification_seal" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER seal_refuses_update{on_table}")
