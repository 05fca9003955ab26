"""Frees a writer that waits for a database which has gone silent.

With the backend frozen or its packets swallowed, statement_timeout never fires and libpq waits
for ever. Shutting down a duplicate of its socket makes the wait end at once, with an error.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

#: Seconds between two looks.
CHECK_INTERVAL = 0.05


class Watchdog:
    """One thread for all connections of the process: start_lock one takes longer than writing."""

    def __init__(self) -> None:
        self.watched: dict[int, tuple[float, BaseDatabaseWrapper]] = {}
        self.has_work = threading.Event()
        self.thread: threading.Thread | None = None
        self.start_lock = threading.Lock()
        # So that nobody's connection is cut off when its block has just ended.
        self.cut_lock = threading.Lock()

    @contextmanager
    def watch(self, connection: BaseDatabaseWrapper, seconds: float) -> Iterator[None]:
        self.start()
        me = threading.get_ident()
        self.watched[me] = time.monotonic() + seconds, connection
        self.has_work.set()
        try:
            yield
        finally:
            with self.cut_lock:
                del self.watched[me]

    def start(self) -> None:
        """Not when imported: a server may fork afterwards, and threads stay behind."""
        if self.thread is not None:
            return
        with self.start_lock:
            if self.thread is None:
                self.thread = threading.Thread(target=self.run, daemon=True, name="watchdog")
                self.thread.start()

    def run(self) -> None:
        while True:
            if not self.watched:
                self.has_work.clear()
                self.has_work.wait(1)  # once a second also unasked, should it have missed one
            time.sleep(CHECK_INTERVAL)
            # Again and again: a connection that was still being made has no socket to cut yet.
            for thread, (deadline, connection) in list(self.watched.items()):
                with self.cut_lock:
                    if thread in self.watched and time.monotonic() > deadline:
                        _cut_off(connection)


_watchdog = Watchdog()


@contextmanager
def watchdog(seconds: float) -> Iterator[None]:
    """Cut this thread's connection to PostgreSQL off after so many seconds in the block."""
    connection = connections[DEFAULT_DB_ALIAS]  # this thread's own, not the proxy
    if connection.vendor != "postgresql":
        yield
        return
    with _watchdog.watch(connection, seconds):
        yield


def _cut_off(connection: BaseDatabaseWrapper) -> None:
    raw = connection.connection
    if raw is None or raw.closed:
        return
    # Its thread may close it in this very moment.
    with (
        contextlib.suppress(OSError, raw.Error),
        socket.socket(fileno=os.dup(raw.fileno())) as wire,
    ):
        wire.shutdown(socket.SHUT_RDWR)
