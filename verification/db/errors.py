"""What the database says is wrong, in words that may be shown, and what to do about it."""

from __future__ import annotations

import re

from django.db import DataError, IntegrityError

MIGRATE = "Was migrate run?"
#: By SQLSTATE. https://www.postgresql.org/docs/current/errcodes-appendix.html
ADVICE = {
    "42501": "Its plan may be full, or its user lacks that right.",
    "25006": "It only reads: it is a copy, or was set so.",
    "53100": "Its disk is full.",
    "42P01": MIGRATE,
    "42703": MIGRATE,
}
#: connection to server at "db.example.cn" (10.0.0.1), port 5432 failed: …
NO_CONNECTION = re.compile(
    r"^(?:connection to server .*?failed|could not translate host name .*?): +(.+)", re.MULTILINE
)


def describe(error: Exception) -> str:
    """Its kind, SQLSTATE and message: “ProgrammingError 42501: permission denied for table …”.

    Only what PostgreSQL itself says, or why nobody could ask it; and not where that may quote
    what was to be written.
    """
    code = sqlstate(error)
    kind = f"{type(error).__name__} {code or ''}".strip()
    if isinstance(error, (DataError, IntegrityError)):
        return kind
    if code is not None:
        return f"{kind}: {str(error).strip().splitlines()[0]}"
    tried = NO_CONNECTION.findall(str(error))  # each address of a host
    return f"{kind}: {' '.join(tried[-1].split())}" if tried else kind


def advise(error: Exception) -> str:
    """A sentence, or nothing where the error says all."""
    code = sqlstate(error)
    if code is not None:
        return ADVICE.get(code, "")
    if "no such table" in str(error) or "no such column" in str(error):  # so says SQLite
        return MIGRATE
    return "Is it running, and is DATABASE_URL right?" if NO_CONNECTION.search(str(error)) else ""


def sqlstate(error: Exception) -> str | None:
    """Of the driver's error that Django has wrapped; None where no server gave one."""
    return getattr(error.__cause__, "pgcode", None)


def format_unusable(error: Exception) -> str:
    """Return one or two sentences for a person at the terminal: what is wrong, what to do."""
    return f"The database cannot be used: {first_line(error)}. {advise(error)}".strip()


def first_line(error: Exception) -> str:
    """Return the first line of what the driver says, which names neither password nor values."""
    return str(error).strip().split("\n")[0].rstrip(".")
