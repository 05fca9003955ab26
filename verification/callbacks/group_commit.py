"""Lets callbacks that arrive while a batch is being committed share the next one."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Sequence
from time import monotonic
from typing import NamedTuple

from verification.callbacks.recording import (
    PoisonedBatch,
    Unrecorded,
    find_obstacle,
    flood,
    is_in_time,
    judge_without_recording,
    verify,
)
from verification.protocol.callback import Callback
from verification.protocol.reply import Verdict

logger = logging.getLogger(__name__)

#: Callbacks that may wait for a batch. At the slowest disk's pace, more could not be answered
#: in time; what a request costs while it waits is about 4 KB.
MOST_WAITING = 4_000
#: The next batch takes at most so many, and as many of those held back: one that failed is tried
#: again in halves, in time.
LARGEST_BATCH = 500
#: Seconds until the batch after one of several is taken. Clients that were just answered ask again
#: together, and the first of them would make a batch of its own: measured, 40 % more a second.
GATHERING = 0.002
#: Seconds between two looks whether the database is back.
LOOK_EVERY = 0.25

#: Seconds between two commits of what is held, and so the longest that a flood waits for an answer.
DEFER_INTERVAL = 0.1


class Waiting(NamedTuple):
    callback: Callback
    verdict: asyncio.Future[Verdict]


class DeferredQueue:
    """Those beyond their budget, until the next tick."""

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self.last_commit = 0.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds until the next tick; None when nobody waits for it."""
        return max(0.0, self.last_commit + DEFER_INTERVAL - monotonic()) if self.waiting else None

    def defer(self, batch: Sequence[Waiting]) -> list[Waiting]:
        """Keep those that are too many, and give back the rest."""
        positions = positions_to_defer([waiting.callback for waiting in batch])
        self.waiting += [waiting for n, waiting in enumerate(batch) if n in positions]
        return [waiting for n, waiting in enumerate(batch) if n not in positions]

    def release(self, most: int) -> list[Waiting]:
        """Once the tick has come, so many; it lasts until all are released."""
        if self.seconds_left != 0:
            return []
        released, self.waiting = self.waiting[:most], self.waiting[most:]
        if not self.waiting:
            self.last_commit = monotonic()
        return released

    def drain(self) -> list[Waiting]:
        """All of them, at once."""
        drained, self.waiting = self.waiting, []
        return drained


Result = Verdict | Unrecorded


class GroupCommit:
    """One thread and one connection that write for an event loop, a batch at a time.

    Idle, a callback is a batch of its own and waits for nobody. While the database is away,
    nobody waits for it: the circuit is open, and the thread looks whether it is back.
    """

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self.deferred = DeferredQueue()
        self.arrived = threading.Event()
        #: Why the circuit is open; empty while it is closed.
        self.away = ""
        self.loop: asyncio.AbstractEventLoop | None = None

    def submit(self, callback: Callback) -> asyncio.Future[Verdict]:
        """The verdict to come, or Unrecorded. Called in the event loop; raises Unrecorded."""
        if self.away:
            raise Unrecorded(self.away)
        if len(self.waiting) + len(self.deferred.waiting) >= MOST_WAITING:
            raise Unrecorded("too many are waiting")
        loop = self.loop or self.start()
        waiting = Waiting(callback, loop.create_future())
        self.waiting.append(waiting)
        if len(self.waiting) == 1:  # those that came in the same moment are in by then
            loop.call_soon(self.arrived.set)
        return waiting.verdict

    def start(self) -> asyncio.AbstractEventLoop:
        """With the first callback, not before: a worker forks after it has loaded us."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self.write, args=[loop], daemon=True, name="writer").start()
        self.loop = loop
        return loop

    def write(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            self.arrived.wait(self.deferred.seconds_left)
            self.arrived.clear()
            while self.waiting or self.deferred.seconds_left == 0:
                try:
                    self.commit(loop)
                except Exception:  # whoever waits gets a 503 in time; others shall be recorded
                    logger.exception("The writer failed.")

    def commit(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = self.take()
        if batch:
            results = verify_each([waiting.callback for waiting in batch])
            loop.call_soon_threadsafe(settle, batch, results)
            # A batch that only one callback has poisoned says nothing of the database.
            if any(type(result) is Unrecorded for result in results):
                self.wait_for_database(loop)
        if len(batch) != 1:
            time.sleep(GATHERING)

    def take(self) -> list[Waiting]:
        """The next batch, without those who got their answer, or will before it is committed."""
        taken = self.waiting[:LARGEST_BATCH]
        del self.waiting[: len(taken)]
        batch = self.deferred.defer(taken) + self.deferred.release(LARGEST_BATCH)
        return [it for it in batch if not it.verdict.done() and is_in_time(it.callback)]

    def wait_for_database(self, loop: asyncio.AbstractEventLoop) -> None:
        """Not at all, if it was only this batch that failed."""
        while obstacle := find_obstacle():
            self.away = f"the database is away: {obstacle}"
            refused = self.waiting[:]
            del self.waiting[: len(refused)]
            refused += self.deferred.drain()
            loop.call_soon_threadsafe(settle, refused, [Unrecorded(self.away)] * len(refused))
            time.sleep(LOOK_EVERY)
        self.away = ""


def verify_each(callbacks: Sequence[Callback]) -> list[Result]:
    """A poisoned callback fails alone: its batch is tried again in halves."""
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
    except Exception as error:  # after the commit perhaps, so it must not be tried again
        logger.exception("A batch may be on record, and gets no answer.")
        return [Unrecorded(type(error).__name__)] * len(callbacks)


def settle(batch: Sequence[Waiting], results: Sequence[Result]) -> None:
    for (_, verdict), result in zip(batch, results, strict=True):
        if verdict.done():
            continue
        if isinstance(result, Unrecorded):
            verdict.set_exception(result)
        else:
            verdict.set_result(result)


def positions_to_defer(callbacks: Sequence[Callback]) -> set[int]:
    """The positions of what a flood is made of: refusals beyond their source's budget, whatever
    they are refused for, and what was accepted too often; never what is so for the first time.
    """
    suspects = [n for n, callback in enumerate(callbacks) if flood.is_suspect(callback)]
    if not suspects:
        return set()
    try:
        verdicts = judge_without_recording([callbacks[n] for n in suspects])
    except Unrecorded:
        return set()  # verify() will tell all of them
    pairs = zip(suspects, verdicts, strict=True)
    return {n for n, verdict in pairs if flood.shared_by(callbacks[n], verdict) is not None}
