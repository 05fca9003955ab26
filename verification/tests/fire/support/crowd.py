"""Many clients on kept-alive connections, who remember what they were answered."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import uvloop

from verification.tests.fire.support.traffic import Request, requests

#: Seconds until a client gives up: more than any answer may take, so that it shows.
PATIENCE = 30


class Answer(NamedTuple):
    request: Request
    status: int  #: 0 when there was no answer
    body: bytes
    begun: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.begun


class Crowd:
    """Asks from a thread of its own, as long as the block lasts or until it has asked enough."""

    def __init__(
        self,
        port: int,
        *,
        clients: int,
        enough: int | None = None,
        pause: float = 0,
        asking: Iterator[Request] | None = None,
    ) -> None:
        self.port, self.clients, self.pause = port, clients, pause
        self.requests: Iterator[Request] = islice(asking or requests(), enough)
        self.answers: list[Answer] = []
        self.is_leaving = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Crowd:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_leaving.set()
        self.wait()

    def wait(self) -> None:
        """Until everything has been asked."""
        self.thread.join()

    @property
    def is_busy(self) -> bool:
        return self.thread.is_alive()

    def wait_for_more(self) -> None:
        """Until somebody else was answered, or all were."""
        had = self.count_answered()
        while self.is_busy and self.count_answered() == had:
            time.sleep(0.05)

    def count_answered(self) -> int:
        return sum(1 for answer in self.answers[:] if answer.status)

    def wait_for(self, status: int, *, since: float = 0, seconds: float = 60) -> Answer:
        """The first such answer that was complete after this moment."""
        position, give_up = 0, time.monotonic() + seconds
        while time.monotonic() < give_up:
            for answer in self.answers[position:]:
                if answer.status == status and answer.ended >= since:
                    return answer
                position += 1
            time.sleep(0.01)
        raise AssertionError(f"no {status} within {seconds} s")

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._ask_all())

    async def _ask_all(self) -> None:
        await asyncio.gather(*[self._be_client() for _ in range(self.clients)])

    async def _be_client(self) -> None:
        connection = Connection(self.port)
        for request in self.requests:
            begun = time.monotonic()
            status, body = await connection.ask(request.raw)
            self.answers.append(Answer(request, status, body, begun, time.monotonic()))
            if self.is_leaving.is_set():
                break
            if self.pause or not status:  # whom nobody listens to should not spin
                await asyncio.sleep(self.pause or 0.05)
        connection.close()


class Connection:
    """Opened when it is needed, and again when it broke."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, raw: bytes) -> tuple[int, bytes]:
        """Status and body, or 0 when the connection ended first."""
        try:
            async with asyncio.timeout(PATIENCE):
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
