"""Write to the spool from an event loop, without blocking it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from typing import NamedTuple, Protocol, TypeVar

from asgiref.sync import sync_to_async
from django.db import connection

from verification.db.errors import locate
from verification.relay.results import Finished, claim_probe, record_results
from verification.relay.spool import SpoolFull, SpoolUnavailable, WaitingPush, store

logger = logging.getLogger(__name__)
T = TypeVar("T")

#: Seconds between two writes of what was delivered. A crash loses at most so much of the counts.
RECORD_INTERVAL = 1.0


class Spool(Protocol):
    """Stores pushes, and records how deliveries ended."""

    async def store(self, push: WaitingPush) -> bool:
        """Return whether the push is stored. Raises SpoolFull and SpoolUnavailable."""

    async def claim_probe(self, account_id: int) -> bool:
        """Return whether the caller may try a backend whose circuit is open."""

    def record(self, finished: Finished, *, is_urgent: bool) -> None:
        """Record the end of a delivery: within a second, or at once if it is urgent."""


class Waiting(NamedTuple):
    """Holds what is to be stored, or the account whose probe is to be claimed."""

    what: WaitingPush | int
    future: asyncio.Future[bool]


class SpoolWriter:
    """Writes for an event loop with one thread and one connection.

    Pushes that arrive during a commit share the next one.
    """

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self.finished: list[Finished] = []
        self.arrived = threading.Event()
        self.thread: threading.Thread | None = None
        self.is_stopping = False

    async def store(self, push: WaitingPush) -> bool:
        return await self._submit(push)

    async def claim_probe(self, account_id: int) -> bool:
        return await self._submit(account_id)

    async def _submit(self, what: WaitingPush | int) -> bool:
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self.waiting.append(Waiting(what, future))
        self._wake()
        return await future

    def record(self, finished: Finished, *, is_urgent: bool) -> None:
        self.finished.append(finished)
        if is_urgent or self.thread is None:
            self._wake()

    def stop(self) -> None:
        """Write what is left, and end the thread."""
        self.is_stopping = True
        self.arrived.set()
        if self.thread is not None:
            self.thread.join()

    def _wake(self) -> None:
        if self.thread is None:
            # Not at import, because a worker forks after that.
            loop = asyncio.get_running_loop()
            self.thread = threading.Thread(
                target=self._run, args=[loop], daemon=True, name="spool writer"
            )
            self.thread.start()
        self.arrived.set()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self.is_stopping or self.waiting or self.finished:
            self.arrived.wait(RECORD_INTERVAL)
            self.arrived.clear()
            waiting, finished = take_all(self.waiting), take_all(self.finished)
            # First, because WeChat waits for it.
            results = _serve([what for what, _future in waiting])
            if waiting:
                loop.call_soon_threadsafe(_resolve, waiting, results)
            _record(finished)
        connection.close()


def take_all(items: list[T]) -> list[T]:
    """Take the items out of a list to which another thread appends.

    The list stays the same one: the other thread may have got hold of it already.
    """
    taken = items[:]
    del items[: len(taken)]
    return taken


class DirectSpool:
    """Writes in the thread that called async_to_sync(), which has a connection of its own."""

    def __init__(self) -> None:
        self.finished: list[Finished] = []

    async def store(self, push: WaitingPush) -> bool:
        return await self._serve(push)

    async def claim_probe(self, account_id: int) -> bool:
        return await self._serve(account_id)

    async def _serve(self, what: WaitingPush | int) -> bool:
        [result] = await sync_to_async(_serve)([what])
        if isinstance(result, Exception):
            raise result
        return result

    def record(self, finished: Finished, *, is_urgent: bool) -> None:
        self.finished.append(finished)

    async def close(self) -> None:
        """Record the ends of deliveries."""
        await sync_to_async(_record)(self.finished)


Result = bool | SpoolFull | SpoolUnavailable


def _serve(wanted: Sequence[WaitingPush | int]) -> list[Result]:
    """Store all pushes in one transaction, and claim each probe in one of its own."""
    pushes = [what for what in wanted if not isinstance(what, int)]
    stored = iter(_store(pushes) if pushes else [])
    return [_claim(what) if isinstance(what, int) else next(stored) for what in wanted]


def _store(pushes: Sequence[WaitingPush]) -> list[Result]:
    try:
        return [*store(pushes)]
    except SpoolFull as error:
        pairs = zip(pushes, error.stored, strict=True)
        return [
            error if not is_stored and push.account_id in error.account_ids else is_stored
            for push, is_stored in pairs
        ]
    except SpoolUnavailable as error:
        logger.error("Messages could not be kept: %s", error)
        return [error] * len(pushes)
    except Exception as error:
        logger.error("The spool failed: %s", locate(error))
        return [SpoolUnavailable(type(error).__name__)] * len(pushes)


def _claim(account_id: int) -> bool:
    try:
        return claim_probe(account_id)
    except SpoolUnavailable:
        return False
    except Exception as error:
        logger.error("A probe could not be claimed: %s", locate(error))
        return False


def _record(finished: Sequence[Finished]) -> None:
    """Record the ends of deliveries. They are only counts, so an error is logged and no more."""
    if not finished:
        return
    try:
        record_results(finished)
    except SpoolUnavailable as error:
        logger.error("Deliveries were not counted: %s", error)
    except Exception as error:
        logger.error("Deliveries were not counted: %s", locate(error))


def _resolve(waiting: Sequence[Waiting], results: Sequence[Result]) -> None:
    for (_what, future), result in zip(waiting, results, strict=True):
        if future.done():
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
