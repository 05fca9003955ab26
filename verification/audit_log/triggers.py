"""Triggers that make the log append-only in the database itself, on PostgreSQL and SQLite.

A transaction can bypass them for deletions, never for updates. The bypass is the setting
verification.bypass on PostgreSQL, and the connection's attribute verification_bypass on SQLite:

* "prune" allows deleting the attempts and seals that the newest checkpoint replaces, all older
  checkpoints, and tallies of failures;
* "empty" allows every deletion; only tests set it.

The triggers prevent mistakes. They cannot stop someone who can run SQL, because that person can set
the bypass too, but the chain and the checkpoint's MAC then show what was deleted.
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
    FailureTally,
    OfficialAccount,
    Seal,
    Tally,
    Token,
    VerificationAttempt,
)

Model = type[models.Model]

BYPASS = {
    "postgresql": "COALESCE(current_setting('verification.bypass', true), '')",
    "sqlite": "verification_bypass()",
}

#: The statements that each table refuses. Tallies and the chain head are counters that change.
REFUSED: dict[Model, tuple[str, ...]] = {
    VerificationAttempt: ("UPDATE", "DELETE"),
    Seal: ("UPDATE", "DELETE"),
    Checkpoint: ("UPDATE", "DELETE"),
    ChangeEvent: ("UPDATE", "DELETE"),
    Tally: ("DELETE",),
    FailureTally: ("DELETE",),
    ChainHead: ("DELETE",),
}
#: The rows that pruning may delete from each table: those whose key is at most the value of this
#: column of the newest checkpoint, minus this number.
PRUNED: dict[Model, tuple[str, int]] = {
    VerificationAttempt: ("last_attempt_id", 0),
    Seal: ("last_seal_id", 0),
    Checkpoint: ("last_seal_id", 1),
}
#: Tables of which pruning may delete any row. The change log says what it deleted.
PRUNED_BY_AGE = {FailureTally}
_ATTEMPTS, _TALLIES = VerificationAttempt._meta.db_table, Tally._meta.db_table
_CHECKPOINTS = Checkpoint._meta.db_table
#: Rows that may be deleted only while no attempt refers to them. Every attempt is counted in a
#: tally, which an index finds. Finding the attempts of a token reads all attempts, so the condition
#: comes second.
IN_USE: dict[Model, str] = {
    OfficialAccount: f"EXISTS (SELECT 1 FROM {_TALLIES} WHERE account_id = OLD.id)",
    Token: f"EXISTS (SELECT 1 FROM {_TALLIES} WHERE account_id = OLD.account_id)"
    f" AND EXISTS (SELECT 1 FROM {_ATTEMPTS} WHERE token_id = OLD.id)",
}


class Trigger(NamedTuple):
    name: str
    table: str
    definition: str  #: as the database returns it
    body: str  #: of its function, as the database returns it; SQLite's triggers have no function
    statement: str  #: creates the trigger, or replaces one that does something else


def install_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Create the triggers that are missing or of another release, and return their names."""
    triggers = _installable_triggers(connection)
    with connection.cursor() as cursor:
        for trigger in triggers:
            for statement in trigger.statement.split(";;"):
                cursor.execute(statement)
    return [trigger.name for trigger in triggers]


def installable_triggers(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the names of missing triggers whose tables exist; in an empty database, none."""
    return [trigger.name for trigger in _installable_triggers(connection)]


def _installable_triggers(connection: BaseDatabaseWrapper) -> list[Trigger]:
    tables = set(connection.introspection.table_names())
    return [
        trigger
        for trigger in missing_triggers(connection)
        # SQLite creates a trigger only if the tables that its condition names exist.
        if {trigger.table, _ATTEMPTS, _TALLIES, _CHECKPOINTS} <= tables
    ]


def remove_triggers_on_sqlite(connection: BaseDatabaseWrapper) -> None:
    """Remove all triggers on SQLite, so that migrations can run.

    Migrations on SQLite create tables again, and fail if a trigger names a table that is being
    replaced.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE %s"
            cursor.execute(query, ["%_refuses_%"])
            for (name,) in cursor.fetchall():
                cursor.execute(f"DROP TRIGGER {name}")


def missing_triggers(connection: BaseDatabaseWrapper) -> list[Trigger]:
    """Return the triggers that are missing, disabled, or do something else.

    Triggers on tables of other schemas do not count. A trigger's function must be in the schema of
    its table.
    """
    if connection.vendor == "postgresql":
        query = """
            SELECT tgname, relname, pg_get_triggerdef(pg_trigger.oid, true), prosrc FROM pg_trigger
            JOIN pg_class ON pg_class.oid = tgrelid JOIN pg_proc ON pg_proc.oid = tgfoid
            WHERE NOT tgisinternal AND tgenabled IN ('O', 'A') AND proconfig IS NULL
                AND NOT prosecdef AND pronamespace = relnamespace
                AND tgrelid = to_regclass(quote_ident(relname))"""
    else:
        query = "SELECT name, tbl_name, sql, '' FROM sqlite_master WHERE type = 'trigger'"
    with connection.cursor() as cursor:
        cursor.execute(query)
        present = set(cursor.fetchall())
    return [
        trigger
        for trigger in _triggers(connection.vendor)
        if (trigger.name, trigger.table, trigger.definition, trigger.body) not in present
    ]


def _triggers(vendor: str) -> list[Trigger]:
    """Return all triggers that the database must have."""
    create = _on_postgresql if vendor == "postgresql" else _on_sqlite
    rules = [(model, operation, "") for model, refused in REFUSED.items() for operation in refused]
    rules += [(model, "DELETE", condition) for model, condition in IN_USE.items()]
    if vendor == "postgresql":
        rules += [(model, "TRUNCATE", "") for model in (*REFUSED, *IN_USE)]
    else:
        # INSERT OR REPLACE deletes a row without running the triggers on DELETE.
        rules += [(model, "REPLACE", "") for model in REFUSED if "UPDATE" in REFUSED[model]]
    return [
        create(f"{model._meta.model_name}_refuses_{operation.lower()}", model, operation, condition)
        for model, operation, condition in rules
    ]


def _refuses(vendor: str, model: Model, operation: str, condition: str, last: str) -> str:
    """Return the SQL condition that refuses a deletion; `last` is the highest key to be deleted."""
    bypass = BYPASS[vendor]
    refuses = f"{bypass} <> 'empty'"
    if operation == "DELETE" and model in PRUNED:
        column, minus = PRUNED[model]
        pruned = f"COALESCE((SELECT max({column}) FROM {_CHECKPOINTS}), 0) - {minus}"
        refuses += f" AND ({bypass} <> 'prune' OR {last} > {pruned})"
    if operation == "DELETE" and model in PRUNED_BY_AGE:
        refuses += f" AND {bypass} <> 'prune'"
    return f"{refuses} AND ({condition})" if condition else refuses


def _on_postgresql(name: str, model: Model, operation: str, condition: str) -> Trigger:
    table = model._meta.db_table
    when, refuses = f"BEFORE {operation} ON {table} FOR EACH ROW", "true"
    if operation == "TRUNCATE":
        when = f"BEFORE {operation} ON {table} FOR EACH STATEMENT"
    if operation == "DELETE" and model in PRUNED:
        # Run once for all rows: pruning deletes thousands in a transaction that must be short.
        when = f"AFTER DELETE ON {table} REFERENCING OLD TABLE AS gone FOR EACH STATEMENT"
    if operation != "UPDATE":
        last = f"(SELECT max({_key(model)}) FROM gone)"
        refuses = _refuses("postgresql", model, operation, condition, last)
    body = f"""
BEGIN
    IF {refuses} THEN
        RAISE EXCEPTION '{table} refuses {operation}: it is part of the audit log'
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN OLD;
END """
    rest = f"TRIGGER {name} {when} EXECUTE FUNCTION {name}()"
    statement = (
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$;;"
        f"CREATE OR REPLACE {rest}"
    )
    return Trigger(name, table, f"CREATE {rest}", body, statement)


def _on_sqlite(name: str, model: Model, operation: str, condition: str) -> Trigger:
    table, key, event = model._meta.db_table, _key(model), operation
    if operation == "UPDATE":
        when = "1"
    elif operation == "REPLACE":
        event, when = "INSERT", f"EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"
    else:
        when = _refuses("sqlite", model, operation, condition, f"OLD.{key}")
    definition = (
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW WHEN {when} BEGIN"
        f" SELECT RAISE(ABORT, '{table} refuses {operation}: it is part of the audit log'); END"
    )
    return Trigger(name, table, definition, "", f"DROP TRIGGER IF EXISTS {name};;{definition}")


def _key(model: Model) -> str:
    return str(model._meta.pk.column)


@contextmanager
def pruning_bypass(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Let the current transaction prune within this block. A rollback ends the bypass as well."""
    _set_bypass(connection, "prune")
    try:
        yield
    except BaseException:
        connection.verification_bypass = ""  # type: ignore[attr-defined]
        raise
    _set_bypass(connection, "")


def _set_bypass(connection: BaseDatabaseWrapper, value: str) -> None:
    connection.verification_bypass = value  # type: ignore[attr-defined]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL verification.bypass = '{value}'")


def register_bypass(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Define the function on a new SQLite connection that the triggers call."""
    if connection.vendor == "sqlite":
        raw: sqlite3.Connection = connection.connection
        raw.create_function(
            "verification_bypass", 0, lambda: getattr(connection, "verification_bypass", "")
        )
