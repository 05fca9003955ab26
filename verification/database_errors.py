"""What the database says is wrong, in words that may be shown, and what to do about it."""

from __future__ import annotations

from django.db import DataError, IntegrityError

#: By SQLSTATE. https://www.postgresql.org/docs/current/errcodes-appendix.html
ADVICE = {
    "42501": "Its plan may be full, or its user lacks that right.",
    "25006": "It only reads: it is a copy, or was set so.",
    "53100": "Its disk is full.",
    "42P01": "Was migrate run?",
    "42703": "Was migrate run?",
}


def describe(error: Exception) -> str:
    """Its kind, SQLSTATE and message: “ProgrammingError 42501: permission denied for table …”.

    Only what PostgreSQL itself says, and not where that may quote what was to be written.
    """
    kind, code = type(error).__name__, sqlstate(error)
    if code is None:
        return kind
    if isinstance(error, (DataError, IntegrityError)):
        return f"{kind} {code}"
    return f"{kind} {code}: {str(error).strip().splitlines()[0]}"


def advise(error: Exception) -> str:
    return ADVICE.get(sqlstate(error) or "", "Is it running, and was migrate run?")


def sqlstate(error: Exception) -> str | None:
    """Of the driver's error that Django has wrapped; None where no server gave one."""
    return getattr(error.__cause__, "pgcode", None)
