"""Deliver what waits in the spool.

Each account has a task of its own and a limit, so that a backend that hangs delays nobody else's
messages.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.utils import timezone

from verification.db.errors import locate
from verification.fields import UndecryptableSecret
from verification.protocol.enums import DeliveryResult
from verification.relay.cleaning import CLEANING_INTERVAL, clean
from verification.relay.client import BackendClient, BackendFailure, Forwarded
from verification.relay.decrypted import NotDecrypted, decrypt_payload
from verification.relay.payload import Payload, UndecryptablePayload
from verification.relay.queue import Claimed, Ended, Round, Route, find_accounts, run_round
from verification.relay.results import Finished
from verification.relay.spool import SpoolUnavailable
from verification.relay.webhooks import make_forwarded

logger = logging.getLogger(__name__)
# Its lines are JSON, and LOG_LEVEL does not suppress them.
lines = logging.getLogger("verification.attempts")

#: Messages of an account that are on their way at a time.
MAX_IN_FLIGHT = 16
CONNECT_TIMEOUT = 3.0
TIMEOUT = 10.0
#: Seconds between two looks for accounts with messages that are due.
POLL_INTERVAL = 0.5
#: Seconds to wait for further deliveries to end after one has. A fast backend ends all of them, and
#: each transaction then settles sixteen instead of eight.
GATHER_DELAY = 0.005
#: Threads for the database, each with a connection.
MAX_THREADS = 4


class Drain:
    """Delivers messages until stop() is called. Several processes may do so at the same time."""

    def __init__(self, client: BackendClient) -> None:
        self.client = client
        self.stopping = asyncio.Event()
        self.accounts: dict[int, asyncio.Task[None]] = {}
        self.connections: list[BaseDatabaseWrapper] = []
        self.threads = ThreadPoolExecutor(MAX_THREADS, "spool", self.share_connection)
        self.is_database_away = False
        self.cleaning_due = 0.0

    def stop(self) -> None:
        """Take no more messages. run() returns when those on their way have ended."""
        self.stopping.set()

    async def run(self) -> None:
        while not self.stopping.is_set():
            for account_id in await self.find_accounts():
                if account_id not in self.accounts:
                    task = asyncio.create_task(self.drain_account(account_id))
                    self.accounts[account_id] = task
            await wait_for(self.stopping, POLL_INTERVAL)
        await asyncio.gather(*self.accounts.values())
        await self.client.close()
        await asyncio.to_thread(self.end_threads)

    def end_threads(self) -> None:
        self.threads.shutdown()
        for connection in self.connections:
            connection.close()

    def share_connection(self) -> None:
        """Let end_threads() close the connection of this thread."""
        connection = connections[DEFAULT_DB_ALIAS]
        connection.inc_thread_sharing()
        self.connections.append(connection)

    async def find_accounts(self) -> list[int]:
        try:
            if time.monotonic() >= self.cleaning_due:
                await self.in_thread(clean)
                self.cleaning_due = time.monotonic() + CLEANING_INTERVAL
            accounts: list[int] = await self.in_thread(find_accounts)
        except SpoolUnavailable as error:
            self.note_database(error)
            return []
        self.note_database(None)
        return accounts

    async def drain_account(self, account_id: int) -> None:
        """Deliver an account's messages until none is due, or its circuit opens."""
        try:
            await self.deliver_all(account_id)
        except Exception as error:
            logger.error(
                "The deliveries of an account failed, and are tried again: %s", locate(error)
            )
            await wait_for(self.stopping, 1)
        finally:
            del self.accounts[account_id]

    async def deliver_all(self, account_id: int) -> None:
        in_flight: set[asyncio.Task[Ended]] = set()
        ended: list[Ended] = []
        # Workers begin with different followers, and so seldom meet.
        cursor: str | None = secrets.token_urlsafe(2)
        while in_flight or ended or (cursor is not None and not self.stopping.is_set()):
            free = 0 if self.stopping.is_set() else MAX_IN_FLIGHT - len(in_flight)
            try:
                done = await self.in_thread(run_round, account_id, ended, free, cursor or "")
            except SpoolUnavailable as error:
                # What the backend has taken is written as soon as the database answers again.
                self.note_database(error)
                if self.stopping.is_set() and not in_flight:
                    return
                await wait_for(self.stopping, 1)
            else:
                ended, cursor = [], done.cursor
                log_round(done)
                in_flight |= {
                    asyncio.create_task(self.deliver(account_id, done.route, message))
                    for message in done.claimed
                    if done.route is not None
                }
            if in_flight:
                await asyncio.wait(in_flight, return_when=asyncio.FIRST_COMPLETED)
                await asyncio.sleep(GATHER_DELAY)
                finished = {task for task in in_flight if task.done()}
                in_flight -= finished
                ended += [task.result() for task in finished]

    async def deliver(self, account_id: int, route: Route, message: Claimed) -> Ended:
        """Send a message to the backend. What the backend replies has nowhere to go."""
        started = time.perf_counter()
        status: int | None = None
        try:
            forwarded = make_request(route, message)
            reply = await self.client.send(
                forwarded, connect_timeout=CONNECT_TIMEOUT, timeout=TIMEOUT
            )
            result, status = DeliveryResult.DELIVERED, reply.status
        except BackendFailure as failure:
            result, status = failure.result, failure.status
            if failure.is_taken:
                result = DeliveryResult.DELIVERED
        except (UndecryptablePayload, UndecryptableSecret):
            result = DeliveryResult.KEY_MISSING
        except NotDecrypted:
            result = DeliveryResult.NOT_DECRYPTED
        except Exception as error:
            logger.error("A delivery failed unexpectedly: %s", locate(error))
            result = DeliveryResult.CONNECTION_LOST
        seconds = time.perf_counter() - started
        return Ended(message, Finished(account_id, datetime.now(UTC), result, status, seconds))

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self.threads, function, *arguments)

    def note_database(self, error: SpoolUnavailable | None) -> None:
        """Log once that the database cannot be used, and once that it answers again."""
        if error is not None and not self.is_database_away:
            logger.error("The spool cannot be read (%s); waiting.", error)
        if error is None and self.is_database_away:
            logger.info("The spool can be read again.")
        self.is_database_away = error is not None


def make_request(route: Route, message: Claimed) -> Forwarded:
    """Return the request: as it would have been when the push arrived, signed now.

    Raises UndecryptablePayload, UndecryptableSecret and NotDecrypted.
    """
    payload = Payload.decrypt(bytes(message.payload))
    if route.decryption_keys is not None:
        payload = decrypt_payload(payload, route.decryption_keys, message.received_at)
    return make_forwarded(route, message.webhook_id, message.request_id, payload)


def log_round(done: Round) -> None:
    """Print circuits that have changed and new dead letters, never what is in a message."""
    slug = done.route.slug if done.route else None
    for change in done.changes:
        print_line(
            "circuit_opened" if change.is_open else "circuit_closed",
            account=slug,
            failing_since=change.failing_since,
            reason=change.result.label if change.result else None,
            status=change.status,
        )
    for end in done.dead:
        print_line(
            "dead_letter",
            account=slug,
            id=end.message.id,
            reason=end.finished.result.label,
            status=end.finished.status,
        )


def print_line(event: str, **facts: Any) -> None:
    line = {"event": event, "at": timezone.now().isoformat(), **facts}
    lines.info("%s", json.dumps(line, ensure_ascii=False, default=str))


async def wait_for(event: asyncio.Event, seconds: float) -> None:
    """Wait until the event is set, at most for this many seconds."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass
