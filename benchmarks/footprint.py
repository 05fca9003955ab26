"""Measures the gateway without a peer: how soon it answers, and how much memory it uses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.contenders import BUSY_CONNECTIONS, Server
from benchmarks.processes import Process, children, resident_bytes
from benchmarks.runner import Runner

MEGABYTE = 1_000_000


@dataclass
class Footprint:
    """Holds the results; None means not measured."""

    start_up: float | None = None  #: seconds
    memory: float | None = None  #: megabytes
    growth: float | None = None  #: ratio of the memory at the end to that after the warm-up


def measure_start_up(runner: Runner, server: Server) -> float:
    """Return the seconds from exec to the first echostr that was verified and recorded."""
    with runner.databases.copy_of(server.template) as url, runner.serving(server, url) as running:
        return running.started_in


def measure_memory(runner: Runner, server: Server) -> float:
    """Return the resident megabytes of both workers together, once both have answered."""
    with runner.databases.copy_of(server.template) as url, runner.serving(server, url) as running:
        runner.send(server, running.port, BUSY_CONNECTIONS, 1)
        return memory_of_workers(running.process)


def watch_memory(runner: Runner, server: Server, requests: int) -> Iterator[tuple[int, float]]:
    """Send at least `requests` requests, a few seconds at a time.

    Yield after each period the number of requests answered so far, and the resident megabytes of
    both workers together.
    """
    with runner.databases.copy_of(server.template) as url, runner.serving(server, url) as running:
        answered = 0
        while answered < requests:
            load = runner.send(server, running.port, BUSY_CONNECTIONS, runner.seconds)
            answered += load.answered
            yield answered, memory_of_workers(running.process)


def memory_of_workers(process: Process) -> float:
    return sum(map(resident_bytes, children(process.pid))) / MEGABYTE
