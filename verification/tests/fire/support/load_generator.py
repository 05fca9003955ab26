"""Sends load over many persistent connections, and keeps every answer."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import uvloop

from verification.tests.fire.support.traffic import Request, mixed_requests

#: Seconds that a client waits for an answer: more than any answer may take, so that a late answer
#: is measured.
CLIENT_TIMEOUT = 30


class Answer(NamedTuple):
    request: Request
    status: int  #: 0 if there was no answer
    body: bytes
    begun: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


class LoadGenerator:
    """Sends requests from a thread until the `with` block ends, or until `limit` were sent.

    `pause` is the number of seconds that each client waits after an answer.
    """

    def __init__(
        self,
        port: int,
        *,
        clients: int,
        limit: int | None = None,
        pause: float = 0,
        requests: Iterator[Request] | None = None,
    ) -> None:
        self.port, self.clients, self.pause = port, clients, pause
        self.requests: Iterator[Request] = islice(requests or mixed_requests(), limit)
        self.answers: list[Answer] = []
        self.is_stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> LoadGenerator:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_stopping.set()
        self.wait()

    def wait(self) -> None:
        """Wait until all requests have been sent."""
        self.thread.join()

    @property
    def is_running(self) -> bool:
        return self.thread.is_alive()

    def wait_for_progress(self) -> None:
        """Wait until one more request was answered, or until the load has ended."""
        before = self.count_answered()
        while self.is_running and self.count_answered() == before:
            time.sleep(0.05)

    def count_answered(self) -> int:
        return sum(1 for answer in self.answers[:] if answer.status)

    def wait_for(self, status: int, *, since: float = 0, seconds: float = 60) -> Answer:
        """Return the first answer with this status that was complete at `since` or later.

        Raises AssertionError if there is none within `seconds`.
        """
        position, deadline = 0, time.monotonic() + seconds
        while time.monotonic() < deadline:
            for answer in self.answers[position:]:
                if answer.status == status and answer.ended >= since:
                    return answer
                position += 1
            time.sleep(0.01)
        raise AssertionError(f"no {status} within {seconds} s")

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._run_clients())

    async def _run_clients(self) -> None:
        await asyncio.gather(*[self._run_client() for _ in range(self.clients)])

    async def _run_client(self) -> None:
        connection = Connection(self.port)
        for request in self.requests:
            begun = time.monotonic()
            status, body = await connection.ask(request.raw)
            self.answers.append(Answer(request, status, body, begun, time.monotonic()))
            if self.is_stopping.is_set():
                break
            if self.pause or not status:  # do not retry in a busy loop while nothing answers
                await asyncio.sleep(self.pause or 0.05)
        connection.close()


class Connection:
    """A persistent connection, opened at the first request and again after it was closed."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, raw: bytes) -> tuple[int, bytes]:
        """Return status and body; the status is 0 if no complete response came in time."""
        try:
            async with asyncio.timeout(CLIENT_TIMEOUT):
                if self.streams is None:
                    self.streams = await asyncio.open_connection("127.0.0.1", self.port)
                reader, writer = self.streams
                writer.write(raw)
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.readexactly(content_length(head))
        except (OSError, EOFError, TimeoutError):
            self.close()
            return 0, b""
        if b"\r\nconnection: close\r\n" in head.lower():
            self.close()
        return int(head[9:12]), body

    def close(self) -> None:
        if self.streams:
            self.streams[1].close()
        self.streams = None


def content_length(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0])
