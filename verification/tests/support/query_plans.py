"""Show how PostgreSQL plans a statement."""

from __future__ import annotations

from django.db import connection


def plan_of(statement: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # The tests' tables fit on a page.
        cursor.execute(f"EXPLAIN {statement}")
        return "\n".join(line for (line,) in cursor.fetchall())
