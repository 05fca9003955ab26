"""Triggers that make the log append-only in the database itself, on PostgreSQL and SQLite.

One door, for pruning and for emptying a test database: on PostgreSQL the setting
verification.prune (SET LOCAL), on SQLite the connection's attribute verification_prune_is_open.
Through it rows can be deleted, never changed.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from verification.models import (
    ChainHead,
    ChangeEvent,
    OfficialAccount,
    Seal,
    Tally,
    Token,
    VerificationAttempt,
)

#: Which statements each table refuses. Tallies and the head are counters: they do change.
REFUSED: dict[type[models.Model], tuple[str, ...]] = {
    VerificationAttempt: ("UPDATE", "DELETE"),
    Seal: ("UPDATE", "DELETE"),
    ChangeEvent: ("UPDATE", "DELETE"),
    Tally: ("DELETE",),
    ChainHead: ("DELETE",),
}
_ATTEMPTS, _TALLIES = VerificationAttempt._meta.db_table, Tally._meta.db_table
#: Parents may go only while nothing on record points to them.
IN_USE: dict[type[models.Model], str] = {
    OfficialAccount: f"EXISTS (SELECT 1 FROM {_ATTEMPTS} WHERE account_id = OLD.id)"
    f" OR EXISTS (SELECT 1 FROM {_TALLIES} WHERE account_id = OLD.id)",
    Token: f"EXISTS (SELECT 1 FROM {_ATTEMPTS}"
    " WHERE account_id = OLD.account_id AND token_id = OLD.id)",
}

POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION verification_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'UPDATE' AND current_setting('verification.prune', true) = 'on' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% refuses %: it is part of the audit log', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$"""


def install_triggers(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers that are missing on tables that exist."""
    tables = set(connection.introspection.table_names())
    wanted = _statements(connection.vendor)
    with connection.cursor() as cursor:
        missing = missing_triggers(connection)
        if missing and connection.vendor == "postgresql":
            cursor.execute(POSTGRESQL_FUNCTION)
        for name in missing:
            table, statement = wanted[name]
            # Its subselect names the attempts' table, which SQLite looks up at once.
            if {table, _ATTEMPTS, _TALLIES} <= tables:
                cursor.execute(statement)


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of triggers that are not there, or switched off."""
    if connection.vendor == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
    else:
        query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = {name for (name,) in cursor.fetchall()}
    return [name for name in _statements(connection.vendor) if name not in present]


def _statements(vendor: str) -> dict[str, tuple[str, str]]:
    """Trigger name to its table and the statement that creates it."""
    create = _create_on_postgresql if vendor == "postgresql" else _create_on_sqlite
    triggers = [
        (model, operation, "") for model, refused in REFUSED.items() for operation in refused
    ]
    triggers += [(model, "DELETE", condition) for model, condition in IN_USE.items()]
    if vendor == "postgresql":
        triggers += [(model, "TRUNCATE", "") for model in (*REFUSED, *IN_USE)]
    return {
        (name := f"{model._meta.model_name}_refuses_{operation.lower()}"): (
            model._meta.db_table,
            create(name, model._meta.db_table, operation, condition),
        )
        for model, operation, condition in triggers
    }


def _create_on_postgresql(name: str, table: str, operation: str, condition: str) -> str:
    scope = "STATEMENT" if operation == "TRUNCATE" else "ROW"
    if not condition:
        return (
            f"CREATE OR REPLACE TRIGGER {name} BEFORE {operation} ON {table}"
            f" FOR EACH {scope} EXECUTE FUNCTION verification_refuse()"
        )
    # A trigger's WHEN takes no subselect, so the condition needs a function of its own.
    return f"""
CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ({condition}) AND current_setting('verification.prune', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION '{table} refuses DELETE: the audit log points to this row'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END $$;
CREATE OR REPLACE TRIGGER {name} BEFORE DELETE ON {table}
    FOR EACH ROW EXECUTE FUNCTION {name}()"""


def _create_on_sqlite(name: str, table: str, operation: str, condition: str) -> str:
    door = "" if operation == "UPDATE" else "WHEN NOT verification_prune_is_open()"
    if condition:
        door += f" AND ({condition})"
    return (
        f"CREATE TRIGGER {name} BEFORE {operation} ON {table} FOR EACH ROW {door} BEGIN"
        f" SELECT RAISE(ABORT, '{table} refuses {operation}: it is part of the audit log'); END"
    )


def register_prune_door(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Give a new SQLite connection the function that its triggers ask."""
    if connection.vendor == "sqlite":
        raw: sqlite3.Connection = connection.connection
        raw.create_function(
            "verification_prune_is_open",
            0,
            lambda: getattr(connection, "verification_prune_is_open", False),
        )
