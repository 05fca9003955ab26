"""Write log lines from a thread, so that a slow reader delays no request.

A pipe whose reader stalls blocks every write to it. Lines are therefore queued, and dropped while
the queue is full. As soon as it is empty again, a line says how many were dropped.
"""

from __future__ import annotations

import atexit
import logging
import os
import select
import sys
import threading
from time import monotonic, sleep

from wechat_gateway.log_format import OPTIONS, JsonLine

#: Bytes that may wait for the reader: about 10,000 attempts in each process.
MAX_QUEUED = 4 * 1024 * 1024
#: Seconds between a line and the write that takes it, with all lines that follow meanwhile. The
#: thread would otherwise take turns with the event loop for each batch.
GATHER_DELAY = 0.05
#: Seconds that a process waits at its end until the queue is empty.
FLUSH_DEADLINE = 10
#: Seconds after which it does not wait any longer for a reader that reads nothing.
STALL_DEADLINE = 2

DROPPED_FORMATTER = JsonLine(**OPTIONS)


class QueuedHandler(logging.Handler):
    """Writes to standard output or standard error, and never waits for it."""

    def __init__(self, stream: str) -> None:
        super().__init__()
        self.writer = WRITERS[stream]

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.writer.put(self.format(record))
        except Exception:
            self.handleError(record)

    def flush(self) -> None:
        self.writer.flush()


class LineWriter:
    """Writes lines to a file descriptor, in a thread that starts with the first line."""

    def __init__(self, descriptor: int, *, is_open: bool) -> None:
        self.descriptor, self.is_open = descriptor, is_open
        self.reset()

    def reset(self) -> None:
        """Begin with an empty queue. A forked process inherits lines that its parent writes."""
        self.changed = threading.Condition()
        self.queue: list[bytes] = []
        self.size = 0  #: bytes in the queue and in the write in progress
        self.dropped = 0
        self.busy_since: float | None = None
        self.thread: threading.Thread | None = None

    def put(self, text: str) -> None:
        """Queue one or more lines, or drop them if the queue is full."""
        line = f"{text}\n".encode(errors="backslashreplace")
        with self.changed:
            if not self.is_open:
                return
            # An empty queue takes a line of any length.
            if self.size and self.size + len(line) > MAX_QUEUED:
                self.dropped += line.count(b"\n")
                return
            self.queue.append(line)
            self.size += len(line)
            if self.thread is None:
                self.thread = threading.Thread(target=self.run, name="log lines", daemon=True)
                self.thread.start()
            self.changed.notify_all()

    def run(self) -> None:
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.queue)
            sleep(GATHER_DELAY)
            with self.changed:
                lines, self.queue = b"".join(self.queue), []
                self.busy_since = monotonic()
            lost = self.write(lines)
            with self.changed:
                self.size -= len(lines)
                self.dropped += lost
                # Not while lines wait that are older than those that were dropped.
                reported = 0 if lost or self.queue else self.dropped
            if reported and self.write(format_dropped(reported)):
                reported = 0
            with self.changed:
                self.dropped -= reported
                self.busy_since = None
                self.changed.notify_all()

    def write(self, lines: bytes) -> int:
        """Write the lines, and return how many were lost: nobody can read them, or a disk is full.

        A write of up to PIPE_BUF bytes is atomic, so lines of several processes never mix.
        """
        start = 0
        while start < len(lines):
            end = lines.rfind(b"\n", start, start + select.PIPE_BUF) + 1
            end = end or lines.index(b"\n", start) + 1
            try:
                self.write_piece(lines[start:end])
            except OSError:
                return lines.count(b"\n", start)
            start = end
            self.busy_since = monotonic()
        return 0

    def write_piece(self, piece: bytes) -> None:
        while piece:
            try:
                piece = piece[os.write(self.descriptor, piece) :]
            except BlockingIOError:  # another process made the pipe non-blocking
                select.select([], [self.descriptor], [])

    def flush(self) -> None:
        """Wait until the queue is empty, but not for a reader that has stalled."""
        last = monotonic() + FLUSH_DEADLINE
        with self.changed:
            while self.queue or self.busy_since is not None:
                stalled = STALL_DEADLINE + (self.busy_since or monotonic())
                seconds = min(last, stalled) - monotonic()
                if seconds <= 0:
                    return
                self.changed.wait(seconds)


def format_dropped(count: int) -> bytes:
    message = f"{count:,} log lines were dropped, because they were not read fast enough"
    record = logging.LogRecord(__name__, logging.WARNING, __file__, 0, message, None, None)
    record.dropped_lines = count
    return f"{DROPPED_FORMATTER.format(record)}\n".encode()


# A process that is started with a closed standard output may use its number for something else.
WRITERS = {
    "stdout": LineWriter(1, is_open=sys.__stdout__ is not None),
    "stderr": LineWriter(2, is_open=sys.__stderr__ is not None),
}


def flush_all() -> None:
    for writer in WRITERS.values():
        writer.flush()


def reset_all() -> None:
    for writer in WRITERS.values():
        writer.reset()


atexit.register(flush_all)
os.register_at_fork(after_in_child=reset_all)
