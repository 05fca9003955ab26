"""Whether attempts can be recorded, as far as one can tell without recording one."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from verification.append_only import missing_triggers
from verification.models import VerificationAttempt

MAY_WRITE = """
SELECT has_table_privilege(%s, 'INSERT') AND current_setting('transaction_read_only') = 'off'"""


def find_problem() -> str | None:
    """What is wrong and what to do, in one or two sentences."""
    try:
        return _find_problem()
    except DatabaseError:
        return "The database cannot be reached."


def _find_problem() -> str | None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return "Migrations are missing: run manage.py migrate."
    missing = missing_triggers(connection)
    if missing:
        return f"Triggers are missing: {', '.join(missing)}. Run manage.py migrate."
    if not may_write():
        return (
            "The database takes no writes: see whether its plan is full, or whether it is a copy."
        )
    return None


def may_write() -> bool:
    """Heroku takes the right to INSERT away when a plan is full; a standby never has it."""
    if connection.vendor != "postgresql":
        return True
    with connection.cursor() as cursor:
        cursor.execute(MAY_WRITE, [VerificationAttempt._meta.db_table])
        return bool(cursor.fetchone()[0])
