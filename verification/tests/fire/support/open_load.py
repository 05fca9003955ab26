"""Sends requests at fixed rates, whether earlier ones have been answered or not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from statistics import quantiles
from typing import NamedTuple

import uvloop

from verification.tests.fire.support.load_generator import Connection


class Stream(NamedTuple):
    make_request: Callable[[int], bytes]
    rate: float  #: requests a second
    is_measured: bool = True


class Measured(NamedTuple):
    milliseconds: list[float]
    statuses: set[int]

    @property
    def p99(self) -> float:
        return quantiles(self.milliseconds, n=100)[98]


def send_streams(port: int, streams: dict[str, Stream], *, seconds: float) -> dict[str, Measured]:
    """Send all streams at the same time, and return what was measured by the stream's name.

    Answers of a stream that is not measured are not waited for at the end.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_send_all(port, streams, seconds))


async def _send_all(port: int, streams: dict[str, Stream], seconds: float) -> dict[str, Measured]:
    sending = {
        name: asyncio.create_task(_send(port, stream, seconds)) for name, stream in streams.items()
    }
    measured = {name: await task for name, task in sending.items()}
    await asyncio.sleep(0.1)  # until the connections are closed
    return {name: measured[name] for name, stream in streams.items() if stream.is_measured}


async def _send(port: int, stream: Stream, seconds: float) -> Measured:
    connections: list[Connection] = []
    free: list[Connection] = []
    measured = Measured([], set())
    started, tasks = time.monotonic(), set[asyncio.Task[None]]()

    async def ask(number: int) -> None:
        if not free:
            connections.append(Connection(port))
            free.append(connections[-1])
        connection = free.pop()
        begun = time.perf_counter()
        status, _body = await connection.ask(stream.make_request(number))
        measured.milliseconds.append((time.perf_counter() - begun) * 1000)
        measured.statuses.add(status)
        free.append(connection)

    for number in range(int(seconds * stream.rate)):
        await asyncio.sleep(started + number / stream.rate - time.monotonic())
        tasks.add(asyncio.create_task(ask(number)))
    if not stream.is_measured:
        for task in tasks:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=not stream.is_measured)
    for connection in connections:
        connection.close()
    return measured
