"""Check whether attempts can be recorded, without recording one."""

from __future__ import annotations

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import translation

from verification.audit_log.triggers import MISSING_ADVICE, missing_triggers
from verification.db.errors import advise, sqlstate
from verification.models import (
    ChainHead,
    OfficialAccount,
    Seal,
    Tally,
    Token,
    VerificationAttempt,
)

#: Rights that recording needs once the chain has a head. Heroku revokes INSERT from a full plan.
REQUIRED_RIGHTS = {
    VerificationAttempt: ["INSERT"],
    Seal: ["INSERT"],
    ChainHead: ["SELECT", "UPDATE"],
    Tally: ["SELECT", "INSERT", "UPDATE"],
    OfficialAccount: ["SELECT"],
    Token: ["SELECT", "UPDATE"],
}
SELECT_MISSING_RIGHTS = """
SELECT needed || ' on ' || name FROM unnest(%s::text[], %s::text[]) AS rights (name, needed)
WHERE NOT has_table_privilege(name, needed)"""


def find_problem() -> str | None:
    """Return what is wrong and what to do, in one or two sentences, or None."""
    try:
        return _find_problem()
    except (DatabaseError, InterfaceError) as error:
        code = sqlstate(error)
        if code is None:
            return "The database cannot be reached."
        # Anyone can open /readyz, and the error's text may name roles and tables.
        return f"The database refused the query (SQLSTATE {code}). {advise(error)}".strip()


def _find_problem() -> str | None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return "Migrations are missing. Run manage.py migrate."
    missing = missing_triggers(connection)
    if missing:
        with translation.override("en"):  # as all sentences here
            return f"Triggers are missing: {', '.join(missing)}. {MISSING_ADVICE}"
    return find_missing_rights() if connection.vendor == "postgresql" else None


def find_missing_rights() -> str | None:
    """Return what this session may not do, in one sentence, or None.

    A session that began earlier may still have rights that this one lacks.
    """
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        if cursor.fetchone() == ("on",):
            return (
                "The database is read-only. Check whether it is a standby or was set to read-only."
            )
        needed = [
            (model._meta.db_table, right)
            for model, rights in REQUIRED_RIGHTS.items()
            for right in rights
        ]
        cursor.execute(SELECT_MISSING_RIGHTS, [*map(list, zip(*needed, strict=True))])
        missing = ", ".join(right for (right,) in cursor.fetchall())
    if missing:
        return f"The database refuses {missing}. Check whether its plan is full."
    return None
