"""Commit callbacks in groups: those that arrive during a commit share the next batch."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from verification.callbacks.deadlines import is_in_time
from verification.callbacks.recording import (
    PoisonedBatch,
    Unrecorded,
    connect_to_database,
    judge_without_recording,
    probe_database,
    row_budget,
    verify,
)
from verification.protocol.callback import Callback
from verification.protocol.reply import Verdict

logger = logging.getLogger(__name__)

#: Callbacks that may wait for a batch. On the slowest disk, more could not be answered in time.
#: Each waiting request takes about 4 KB.
MAX_WAITING = 4_000
#: Callbacks that the next batch takes, and as many deferred ones. Even if a batch fails, there is
#: time to try it again in halves.
MAX_BATCH_SIZE = 500
#: The longest pause in seconds between a batch of several callbacks and the next one. Clients that
#: were just answered ask again together, and the first of them would form a batch of its own.
GATHER_DELAY = 0.004
#: Seconds between two probes of an unavailable database.
PROBE_INTERVAL = 0.25

#: Seconds between two commits of deferred callbacks, and so the longest delay in a flood.
DEFER_INTERVAL = 0.1


class Waiting(NamedTuple):
    """Holds a callback and the future that gets its verdict."""

    callback: Callback
    verdict: asyncio.Future[Verdict]


class DeferredQueue:
    """Holds the callbacks beyond their row budget, and releases them every DEFER_INTERVAL."""

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self.last_commit = 0.0

    @property
    def seconds_left(self) -> float | None:
        """Return the seconds until the next release, or None when the queue is empty."""
        return max(0.0, self.last_commit + DEFER_INTERVAL - monotonic()) if self.waiting else None

    def defer(self, batch: Sequence[Waiting]) -> list[Waiting]:
        """Keep the callbacks that are beyond their budget, and return the others."""
        positions = positions_to_defer([waiting.callback for waiting in batch])
        self.waiting += [waiting for n, waiting in enumerate(batch) if n in positions]
        return [waiting for n, waiting in enumerate(batch) if n not in positions]

    def release(self, limit: int) -> list[Waiting]:
        """Return up to `limit` callbacks when a release is due, otherwise none.

        The release stays due until the queue is empty.
        """
        if self.seconds_left != 0:
            return []
        released, self.waiting = self.waiting[:limit], self.waiting[limit:]
        if not self.waiting:
            self.last_commit = monotonic()
        return released

    def drain(self) -> list[Waiting]:
        """Remove all callbacks from the queue and return them."""
        drained, self.waiting = self.waiting, []
        return drained


Result = Verdict | Unrecorded


class GroupCommit:
    """Writes for an event loop with one thread and one connection, a batch at a time.

    When the writer is idle, a callback forms a batch of its own at once. While the database is
    unavailable, the circuit is open: callbacks are refused at once, and the thread probes the
    database until it is back.
    """

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self.deferred = DeferredQueue()
        self.arrived = threading.Event()
        #: The number of waiting callbacks that sets `arrived`.
        self.awaited = 1
        #: Why the circuit is open; empty while it is closed.
        self.outage = ""
        self.loop: asyncio.AbstractEventLoop | None = None

    def submit(self, callback: Callback) -> asyncio.Future[Verdict]:
        """Queue a callback, and return the future of its verdict. Call this in the event loop.

        Raises Unrecorded at once while the circuit is open or too many callbacks are waiting.
        Otherwise the future raises it.
        """
        if self.outage:
            raise Unrecorded(self.outage)
        if len(self.waiting) + len(self.deferred.waiting) >= MAX_WAITING:
            raise Unrecorded("too many are waiting")
        loop = self.loop or self.start_writer()
        waiting = Waiting(callback, loop.create_future())
        self.waiting.append(waiting)
        # call_soon() lets callbacks that arrived in the same moment join the batch.
        if len(self.waiting) == self.awaited:
            loop.call_soon(self.arrived.set)
        return waiting.verdict

    def start_writer(self) -> asyncio.AbstractEventLoop:
        """Start the thread. A server calls this when its event loop runs, else the first callback.

        It cannot start at import, because a worker forks after that.
        """
        loop = asyncio.get_running_loop()
        threading.Thread(target=self.run_writer, args=[loop], daemon=True, name="writer").start()
        self.loop = loop
        return loop

    def run_writer(self, loop: asyncio.AbstractEventLoop) -> None:
        connect_to_database()
        while True:
            self.arrived.wait(self.deferred.seconds_left)
            self.arrived.clear()
            while self.waiting or self.deferred.seconds_left == 0:
                try:
                    self.commit(loop)
                except Exception:  # These callers get a 503 in time. The thread goes on for others.
                    logger.exception("The writer failed.")

    def commit(self, loop: asyncio.AbstractEventLoop) -> None:
        """Record the next batch, and resolve its futures."""
        batch = self.take_batch()
        if batch:
            results = verify_each([waiting.callback for waiting in batch])
            loop.call_soon_threadsafe(resolve, batch, results)
            # A poisoned callback says nothing about the state of the database.
            if any(type(result) is Unrecorded for result in results):
                self.wait_for_database(loop)
        if len(batch) != 1:
            # Clients whose callbacks were deferred have no answer, so they do not ask again.
            expected = len(batch) + len(self.waiting) if batch else MAX_BATCH_SIZE
            self.gather(min(expected, MAX_BATCH_SIZE))

    def gather(self, number: int) -> None:
        """Wait until this many callbacks are waiting, and not longer than GATHER_DELAY."""
        ends_at = monotonic() + GATHER_DELAY
        self.awaited = number
        self.arrived.clear()
        # The first callback may have set the event just before, when one was awaited.
        while len(self.waiting) < number and self.arrived.wait(ends_at - monotonic()):
            self.arrived.clear()
        self.awaited = 1

    def take_batch(self) -> list[Waiting]:
        """Take the next batch from the queues.

        It leaves out callbacks that have been answered, or will be before the batch is committed.
        """
        taken = self.waiting[:MAX_BATCH_SIZE]
        del self.waiting[: len(taken)]
        batch = self.deferred.defer(taken) + self.deferred.release(MAX_BATCH_SIZE)
        return [
            waiting
            for waiting in batch
            if not waiting.verdict.done() and is_in_time(waiting.callback)
        ]

    def wait_for_database(self, loop: asyncio.AbstractEventLoop) -> None:
        """Keep the circuit open until a probe succeeds.

        Returns at once if the first probe does, because then only this batch failed.
        """
        while obstacle := probe_database():
            self.outage = f"the database is unavailable: {obstacle}"
            refused = self.waiting[:]
            del self.waiting[: len(refused)]
            refused += self.deferred.drain()
            loop.call_soon_threadsafe(resolve, refused, [Unrecorded(self.outage)] * len(refused))
            time.sleep(PROBE_INTERVAL)
        self.outage = ""


def verify_each(callbacks: Sequence[Callback]) -> list[Result]:
    """Return a verdict or an error for each callback.

    A poisoned batch is tried again in halves, so that only the poisoned callback fails.
    """
    if not callbacks:
        return []
    try:
        return [*verify(callbacks)]
    except PoisonedBatch as error:
        if len(callbacks) == 1:
            return [error]
        half = len(callbacks) // 2
        return verify_each(callbacks[:half]) + verify_each(callbacks[half:])
    except Unrecorded as error:
        return [error] * len(callbacks)
    except Exception as error:
        # It may have come after the commit, so the batch must not be tried again.
        logger.exception("A batch may be on record, and gets no answer.")
        return [Unrecorded(type(error).__name__)] * len(callbacks)


def resolve(batch: Sequence[Waiting], results: Sequence[Result]) -> None:
    """Give each future its result. Futures that timed out or were cancelled are left alone."""
    for (_, verdict), result in zip(batch, results, strict=True):
        if verdict.done():
            continue
        if isinstance(result, Unrecorded):
            verdict.set_exception(result)
        else:
            verdict.set_result(result)


def positions_to_defer(callbacks: Sequence[Callback]) -> set[int]:
    """Return the positions of the callbacks that will share a row.

    These are the refusals beyond the budget, whatever their reason, and the requests that were
    accepted too often with the same signature. A request that is accepted for the first time is
    never deferred.
    """
    suspects = [n for n, callback in enumerate(callbacks) if row_budget.may_share_row(callback)]
    if not suspects:
        return set()
    try:
        verdicts = judge_without_recording([callbacks[n] for n in suspects])
    except Unrecorded:
        return set()  # verify() will raise it for the whole batch.
    pairs = zip(suspects, verdicts, strict=True)
    return {n for n, verdict in pairs if row_budget.share_key(callbacks[n], verdict) is not None}
