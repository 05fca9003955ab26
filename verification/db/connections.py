"""Look after this thread's connection to PostgreSQL."""

from __future__ import annotations

import select
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper


def close_lost_connection() -> None:
    """Close a connection that PostgreSQL has ended while it was idle.

    This needs no round trip: a server that ends a session sends a message, so the socket of an idle
    connection becomes readable.
    """
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
