"""Whether attempts can be recorded, as far as one can tell without recording one."""

from __future__ import annotations

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor

from verification.audit_log.triggers import missing_triggers
from verification.db.errors import advise, sqlstate
from verification.models import (
    ChainHead,
    OfficialAccount,
    Seal,
    Tally,
    Token,
    VerificationAttempt,
)

#: What recording takes, once the log has begun. Heroku takes INSERT away when a plan is full.
RIGHTS = {
    VerificationAttempt: ["INSERT"],
    Seal: ["INSERT"],
    ChainHead: ["SELECT", "UPDATE"],
    Tally: ["SELECT", "INSERT", "UPDATE"],
    OfficialAccount: ["SELECT"],
    Token: ["SELECT", "UPDATE"],
}
REFUSED = """
SELECT needed || ' on ' || name FROM unnest(%s::text[], %s::text[]) AS rights (name, needed)
WHERE NOT has_table_privilege(name, needed)"""


def find_problem() -> str | None:
    """What is wrong and what to do, in one or two sentences."""
    try:
        return _find_problem()
    except (DatabaseError, InterfaceError) as error:
        code = sqlstate(error)
        if code is None:
            return "The database cannot be reached."
        # Strangers may ask: what it said besides, roles and tables perhaps, is in other places.
        return f"The database refuses to be asked (SQLSTATE {code}). {advise(error)}".strip()


def _find_problem() -> str | None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return "Migrations are missing: run manage.py migrate."
    missing = missing_triggers(connection)
    if missing:
        return f"Triggers are missing: {', '.join(missing)}. Run manage.py migrate."
    return find_what_is_refused() if connection.vendor == "postgresql" else None


def find_what_is_refused() -> str | None:
    """To a session that begins now; one from before may still have what this one has not."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        if cursor.fetchone() == ("on",):
            return "The database only reads: see whether it is a copy, or was set so."
        needed = [(it._meta.db_table, right) for it, rights in RIGHTS.items() for right in rights]
        cursor.execute(REFUSED, [*map(list, zip(*needed, strict=True))])
        refused = ", ".join(what for (what,) in cursor.fetchall())
    return f"The database refuses {refused}: see whether its plan is full." if refused else None
