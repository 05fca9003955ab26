"""Frees a writer that waits for a database which has gone silent.

With the backend frozen or its packets swallowed, statement_timeout never fires and libpq waits
for ever. Shutting down a duplicate of its socket makes the wait end at once, with an error.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper


@contextmanager
def watchdog(seconds: float) -> Iterator[None]:
    """Cut this thread's connection to PostgreSQL off after so many seconds in the block."""
    connection = connections[DEFAULT_DB_ALIAS]  # this thread's own, not the proxy
    if connection.vendor != "postgresql":
        yield
        return
    done = threading.Event()
    threading.Thread(target=_watch, args=[connection, done, seconds], daemon=True).start()
    try:
        yield
    finally:
        done.set()


def _watch(connection: BaseDatabaseWrapper, done: threading.Event, seconds: float) -> None:
    # Again and again: a connection that was still being made has no socket to cut yet.
    while not done.wait(max(seconds, 0)):
        _cut_off(connection)
        seconds = 0.05


def _cut_off(connection: BaseDatabaseWrapper) -> None:
    raw = connection.connection
    if raw is None or raw.closed:
        return
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(raw.fileno())) as wire:
        wire.shutdown(socket.SHUT_RDWR)
