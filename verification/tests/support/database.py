"""Bypass the triggers that protect the log, in tests only."""

from __future__ import annotations

from django.db import connection


def set_bypass(*, is_open: bool) -> None:
    bypass = "empty" if is_open else ""
    connection.verification_bypass = bypass  # type: ignore[attr-defined]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('verification.bypass', %s, false)", [bypass])
