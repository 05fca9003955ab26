"""Bypass the triggers that protect the log, and end sessions, in tests only."""

from __future__ import annotations

from django.db import connection

from verification.db.sessions import other_sessions


def set_bypass(*, is_open: bool) -> None:
    bypass = "empty" if is_open else ""
    connection.verification_bypass = bypass  # type: ignore[attr-defined]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('verification.bypass', %s, false)", [bypass])


def end_other_sessions() -> None:
    """End the sessions that a gunicorn of earlier tests has left open on PostgreSQL."""
    with connection.cursor() as cursor:
        for session in other_sessions():
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [session.pid])
        # A transaction reads the list of sessions once.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
