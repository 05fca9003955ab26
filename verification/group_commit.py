"""Lets callbacks that arrive while a batch is being committed share the next one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import NamedTuple

from verification.protocol.callback import Callback
from verification.protocol.reply import Verdict
from verification.recording import PoisonedBatch, Unrecorded, verify

#: Callbacks that may wait for a batch. At the slowest disk's pace, more could not be answered
#: in time; what a request costs while it waits is about 4 KB.
MOST_WAITING = 4_000
#: The next batch takes at most so many: one that failed is tried again in halves, in time.
LARGEST_BATCH = 500


class Waiting(NamedTuple):
    callback: Callback
    verdict: asyncio.Future[Verdict]


Outcome = Verdict | Unrecorded


class GroupCommit:
    """One thread and one connection that write for an event loop, a batch at a time.

    Idle, a callback is a batch of its own and waits for nobody.
    """

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self.arrived = threading.Event()
        self.writer: threading.Thread | None = None

    def submit(self, callback: Callback) -> asyncio.Future[Verdict]:
        """The verdict to come, or Unrecorded. Called in the event loop; raises Unrecorded."""
        if len(self.waiting) >= MOST_WAITING:
            raise Unrecorded("too many are waiting")
        loop = asyncio.get_running_loop()
        waiting = Waiting(callback, loop.create_future())
        self.waiting.append(waiting)
        self.arrived.set()
        if self.writer is None:  # not before the first: a worker forks after it has loaded us
            self.writer = threading.Thread(target=self.write, args=[loop], daemon=True)
            self.writer.start()
        return waiting.verdict

    def write(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            self.arrived.wait()
            self.arrived.clear()
            while self.waiting:
                batch = self.take()
                outcomes = verify_each([waiting.callback for waiting in batch])
                loop.call_soon_threadsafe(settle, batch, outcomes)

    def take(self) -> list[Waiting]:
        """The next batch, without those that nobody waits for any more."""
        taken = self.waiting[:LARGEST_BATCH]
        del self.waiting[: len(taken)]
        return [waiting for waiting in taken if not waiting.verdict.done()]


def verify_each(callbacks: Sequence[Callback]) -> list[Outcome]:
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


def settle(batch: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
    for (_, verdict), outcome in zip(batch, outcomes, strict=True):
        if verdict.done():
            continue
        if isinstance(outcome, Unrecorded):
            verdict.set_exception(outcome)
        else:
            verdict.set_result(outcome)
