"""Look after this thread's connection to PostgreSQL."""

from __future__ import annotations

import select
from datetime import UTC, datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

#: Python has no times beyond its years, no infinite ones, and cannot add to the last of them.
EARLIEST, LATEST = datetime(1000, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
TIMESTAMPTZ = 1184


def close_lost_connection() -> None:
    """Close a connection that PostgreSQL has ended while it was idle.

    This needs no round trip: a server that ends a session sends a message, so the socket of an idle
    connection becomes readable.
    """
    # The proxy django.db.connection would find this again for each attribute.
    connection = connections[DEFAULT_DB_ALIAS]
    raw = connection.connection
    if connection.vendor != "postgresql" or raw is None or connection.in_atomic_block:
        return
    poller = select.poll()  # select() does not accept file descriptors above 1023.
    if not raw.closed:
        poller.register(raw.fileno(), select.POLLIN)
    if raw.closed or poller.poll(0):
        connection.close()


def pin_isolation(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Give a new session the isolation that this project is written for, whatever the default.

    Under "repeatable read", two transactions that change a row at once would refuse each other.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_isolation = 'read committed'")


def read_every_time(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """Let a new session read every time that PostgreSQL can store.

    Whoever owns the database can store one that Python cannot read. It must not keep the log from
    being checked, or alerts and pages from saying so.
    """
    if connection.vendor == "postgresql":
        from psycopg2 import extensions as psycopg2_extensions

        extensions: Any = psycopg2_extensions  # its types leave these functions out

        def read_time(text: str | None, cursor: Any) -> datetime | None:
            try:
                time: datetime | None = extensions.PYDATETIMETZ(text, cursor)
            except (ValueError, OverflowError):
                return EARLIEST if str(text).endswith("BC") else LATEST
            return time and min(max(time, EARLIEST), LATEST)

        kind = extensions.new_type((TIMESTAMPTZ,), "TIMESTAMPTZ", read_time)
        extensions.register_type(kind, connection.connection)
