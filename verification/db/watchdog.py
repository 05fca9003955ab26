"""Interrupt a thread that waits for a database which no longer responds.

If the server process is frozen or its packets are lost, statement_timeout does not fire and libpq
waits without a limit. Shutting down a duplicate of its socket ends the wait at once with an error.
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

#: Seconds between two checks of the deadlines.
CHECK_INTERVAL = 0.05


class Watchdog:
    """Watches all connections of the process in one thread.

    Starting a thread for each batch would take longer than writing the batch.
    """

    def __init__(self) -> None:
        self.watched: dict[int, tuple[float, BaseDatabaseWrapper]] = {}
        self.has_work = threading.Event()
        self.thread: threading.Thread | None = None
        self.start_lock = threading.Lock()
        # Held while a connection is cut off, so that its block cannot end at the same moment.
        self.cut_lock = threading.Lock()

    @contextmanager
    def watch(self, connection: BaseDatabaseWrapper, seconds: float) -> Iterator[None]:
        """Cut the connection off if the block takes longer than this many seconds."""
        self.start()
        thread_id = threading.get_ident()
        self.watched[thread_id] = time.monotonic() + seconds, connection
        self.has_work.set()
        try:
            yield
        finally:
            with self.cut_lock:
                del self.watched[thread_id]

    def start(self) -> None:
        """Start the thread, unless it runs.

        This cannot happen at import: a server may fork afterwards, and a fork has no threads.
        """
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
                self.has_work.wait(1)  # The timeout covers a lost wake-up.
            time.sleep(CHECK_INTERVAL)
            # A connection is cut off again at each check, because one that is still being opened
            # has no socket yet.
            for thread_id, (deadline, connection) in list(self.watched.items()):
                with self.cut_lock:
                    if thread_id in self.watched and time.monotonic() > deadline:
                        _cut_off(connection)


_watchdog = Watchdog()


@contextmanager
def watchdog(seconds: float) -> Iterator[None]:
    """Cut off this thread's connection to PostgreSQL if the block takes longer than `seconds`.

    Other databases are not watched.
    """
    # Not django.db.connection: in the watchdog's thread, that proxy is another connection.
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "postgresql":
        yield
        return
    with _watchdog.watch(connection, seconds):
        yield


def _cut_off(connection: BaseDatabaseWrapper) -> None:
    raw = connection.connection
    if raw is None or raw.closed:
        return
    # Its thread may close it at this moment.
    with (
        contextlib.suppress(OSError, raw.Error),
        socket.socket(fileno=os.dup(raw.fileno())) as wire,
    ):
        wire.shutdown(socket.SHUT_RDWR)
