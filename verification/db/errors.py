"""Describe database errors without quoting values, and advise what to do about them."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

from django.db import DatabaseError, DataError, IntegrityError
from django.utils.translation import gettext, gettext_noop

MIGRATE = gettext_noop("Has manage.py migrate been run?")
IS_RUNNING = gettext_noop("Is it running, and is DATABASE_URL correct?")
INVALID_OPTION = gettext_noop("Correct DATABASE_URL: PostgreSQL has no such option.")
NO_CREATE = gettext_noop(
    "Its user may not create tables there: make it the owner of the database, or run GRANT CREATE "
    "ON SCHEMA with this schema and user as the owner."
)
#: Advice by SQLSTATE. See https://www.postgresql.org/docs/current/errcodes-appendix.html
ADVICE = {
    "42501": gettext_noop("Its plan may be full, or its user lacks that right."),
    "25006": gettext_noop("It is read-only: it is a standby, or was set to read-only."),
    "53100": gettext_noop("Its disk is full."),
    "42P01": MIGRATE,
    "42703": MIGRATE,
}
#: Matches: connection to server at "db.example.cn" (10.0.0.1), port 5432 failed: …
NO_CONNECTION = re.compile(
    r"^(?:connection to server .*?failed|could not translate host name .*?): +(.+)", re.MULTILINE
)


def describe(error: Exception) -> str:
    """Return the kind, SQLSTATE and message of an error.

    For example: “ProgrammingError 42501: permission denied for table …”. The message is included
    only if it comes from PostgreSQL, or says why the connection failed. For a DataError or an
    IntegrityError it is left out, because it may quote values of the statement.
    """
    code = sqlstate(error)
    kind = f"{type(error).__name__} {code or ''}".strip()
    if isinstance(error, (DataError, IntegrityError)):
        return kind
    if code is not None:
        return f"{kind}: {str(error).strip().splitlines()[0]}"
    failures = NO_CONNECTION.findall(str(error))  # one for each address of the host
    return f"{kind}: {' '.join(failures[-1].split())}" if failures else kind


def locate(error: Exception) -> str:
    """Return the kind of an unexpected error and where it was raised, such as “KeyError (a.py:7)”.

    Its text may quote what was processed, such as a message, so it is left out.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{place}"


def advise(error: Exception) -> str:
    """Return one English sentence of advice, or an empty string if there is none to give."""
    error = cause_of(error)
    code = sqlstate(error)
    if "permission denied for schema" in str(error):
        return NO_CREATE
    if code is not None:
        return ADVICE.get(code, "")
    if "no such table" in str(error) or "no such column" in str(error):  # SQLite
        return MIGRATE
    if "invalid dsn" in str(error):
        return INVALID_OPTION
    return IS_RUNNING if NO_CONNECTION.search(str(error)) else ""


def sqlstate(error: Exception) -> str | None:
    """Return the SQLSTATE of the driver's error, or None if it does not come from a server."""
    return getattr(error.__cause__, "pgcode", None)


def cause_of(error: Exception) -> Exception:
    """Return the database's own error for one that Django raises on account of it."""
    context = error.__context__
    if sqlstate(error) is None and isinstance(context, DatabaseError):
        return context
    return error


def format_unusable(error: Exception) -> str:
    """Return one or two sentences for a person at the terminal: what is wrong, what to do."""
    advice = advise(error)
    sentence = gettext("The database cannot be used: {why}. {advice}")
    return sentence.format(why=first_line(error), advice=gettext(advice) if advice else "").strip()


def first_line(error: Exception) -> str:
    """Return the first line of what the driver says, which names neither password nor values."""
    return str(cause_of(error)).strip().split("\n")[0].rstrip(".")
