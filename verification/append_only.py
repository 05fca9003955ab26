"""Triggers that make the log append-only in the database itself, on PostgreSQL and SQLite.

One door, for pruning and for emptying a test database: on PostgreSQL the setting
verification.prune (SET LOCAL), on SQLite the connection's attribute verification_prune_is_open.
Through it rows can be deleted, never changed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from verification.models import (
    ChainHead,
    ChangeEvent,
    Checkpoint,
    OfficialAccount,
    Seal,
    Tally,
    Token,
    VerificationAttempt,
)

Model = type[models.Model]

POSTGRESQL_DOOR = "current_setting('verification.prune', true)"

#: Which statements each table refuses. Tallies and the head are counters: they do change.
REFUSED: dict[Model, tuple[str, ...]] = {
    VerificationAttempt: ("UPDATE", "DELETE"),
    Seal: ("UPDATE", "DELETE"),
    Checkpoint: ("UPDATE", "DELETE"),
    ChangeEvent: ("UPDATE", "DELETE"),
    Tally: ("DELETE",),
    ChainHead: ("DELETE",),
}
_ATTEMPTS, _TALLIES = VerificationAttempt._meta.db_table, Tally._meta.db_table
#: Parents may go only while nothing on record points to them. Every attempt is in a tally, which
#: is found at once; a token of an account that was called costs a look at all attempts.
IN_USE: dict[Model, str] = {
    OfficialAccount: f"EXISTS (SELECT 1 FROM {_TALLIES} WHERE account_id = OLD.id)",
    Token: f"EXISTS (SELECT 1 FROM {_TALLIES} WHERE account_id = OLD.account_id)"
    f" AND EXISTS (SELECT 1 FROM {_ATTEMPTS} WHERE token_id = OLD.id)",
}


class Trigger(NamedTuple):
    name: str
    table: str
    body: str  #: what it does, as the database gives it back
    statement: str  #: creates it, in place of one that does something else


def install_triggers(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers that are missing or not this release's, on tables that exist."""
    tables = set(connection.introspection.table_names())
    missing = set(missing_triggers(connection))
    with connection.cursor() as cursor:
        for trigger in _triggers(connection.vendor):
            # Conditions name the attempts and tallies, which SQLite looks up at once.
            if trigger.name in missing and {trigger.table, _ATTEMPTS, _TALLIES} <= tables:
                for statement in trigger.statement.split(";;"):
                    cursor.execute(statement)


def missing_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of triggers that are not there, switched off, or doing something else."""
    if connection.vendor == "postgresql":
        query = """
            SELECT tgname, relname, prosrc FROM pg_trigger
            JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
            WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"""
    else:
        query = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger'"
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = set(cursor.fetchall())
    wanted = _triggers(connection.vendor)
    return [
        trigger.name
        for trigger in wanted
        if (trigger.name, trigger.table, trigger.body) not in present
    ]


def _triggers(vendor: str) -> list[Trigger]:
    create = _on_postgresql if vendor == "postgresql" else _on_sqlite
    rules = [(model, operation, "") for model, refused in REFUSED.items() for operation in refused]
    rules += [(model, "DELETE", condition) for model, condition in IN_USE.items()]
    if vendor == "postgresql":
        rules += [(model, "TRUNCATE", "") for model in (*REFUSED, *IN_USE)]
    else:
        # INSERT OR REPLACE deletes without asking the triggers on DELETE.
        rules += [(model, "REPLACE", "") for model in REFUSED if "UPDATE" in REFUSED[model]]
    return [
        create(f"{model._meta.model_name}_refuses_{operation.lower()}", model, operation, condition)
        for model, operation, condition in rules
    ]


def _on_postgresql(name: str, model: Model, operation: str, condition: str) -> Trigger:
    table, scope = model._meta.db_table, "STATEMENT" if operation == "TRUNCATE" else "ROW"
    refuses = " AND ".join(
        part
        for part in (
            f"({condition})" if condition else "",
            "" if operation == "UPDATE" else f"{POSTGRESQL_DOOR} IS DISTINCT FROM 'on'",
        )
        if part
    )
    body = f"""
BEGIN
    IF {refuses or "true"} THEN
        RAISE EXCEPTION '{table} refuses {operation}: it is part of the audit log'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END """
    statement = (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$;;"
        f"CREATE OR REPLACE TRIGGER {name} BEFORE {operation} ON {table}"
        f" FOR EACH {scope} EXECUTE FUNCTION {name}()"
    )
    return Trigger(name, table, body, statement)


def _on_sqlite(name: str, model: Model, operation: str, condition: str) -> Trigger:
    table = model._meta.db_table
    event, when = operation, "NOT verification_prune_is_open()"
    if operation == "UPDATE":
        when = "1"
    if operation == "REPLACE":
        event, when = "INSERT", f"EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id)"
    if condition:
        when += f" AND ({condition})"
    body = (
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN {when} BEGIN"
        f" SELECT RAISE(ABORT, '{table} refuses {operation}: it is part of the audit log'); END"
    )
    return Trigger(name, table, body, f"DROP TRIGGER IF EXISTS {name};;{body}")


@contextmanager
def prune_door(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let this transaction delete what is on record. Where it fails, rolling it back shuts it."""
    _set_door(connection, "on")
    try:
        yield
    except BaseException:
        connection.verification_prune_is_open = False  # type: ignore[attr-defined]
        raise
    _set_door(connection, "")


def _set_door(connection: BaseDatabaseWrapper, value: str) -> None:
    connection.verification_prune_is_open = bool(value)  # type: ignore[attr-defined]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL verification.prune = '{value}'")


def register_prune_door(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Give a new SQLite connection the function that its triggers ask."""
    if connection.vendor == "sqlite":
        raw: sqlite3.Connection = connection.connection
        raw.create_function(
            "verification_prune_is_open",
            0,
            lambda: getattr(connection, "verification_prune_is_open", False),
        )
