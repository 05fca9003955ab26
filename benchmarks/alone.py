"""What is measured of this gateway without a peer: how soon it answers, and what it occupies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.contestants import CROWD, Server
from benchmarks.processes import Process, children, resident_bytes
from benchmarks.turns import Turn

MEGABYTE = 1_000_000


@dataclass
class Figures:
    """None where it was not measured."""

    start_up: float | None = None  #: seconds
    resident: float | None = None  #: megabytes
    growth: float | None = None  #: a share of 1


def start_up(turn: Turn, server: Server) -> float:
    """Seconds from exec to the first echostr that was verified and recorded."""
    with turn.databases.copy_of(server.template) as url, turn.serving(server, url) as running:
        return running.started_in


def resident(turn: Turn, server: Server) -> float:
    """Megabytes of both workers together, once both have answered."""
    with turn.databases.copy_of(server.template) as url, turn.serving(server, url) as running:
        turn.send(server, running.port, CROWD, 1)
        return resident_of_workers(running.process)


def resident_over(turn: Turn, server: Server, requests: int) -> Iterator[tuple[int, float]]:
    """Megabytes of both workers after so many requests, until there were `requests` of them."""
    with turn.databases.copy_of(server.template) as url, turn.serving(server, url) as running:
        answered = 0
        while answered < requests:
            answered += turn.send(server, running.port, CROWD, turn.seconds).answered
            yield answered, resident_of_workers(running.process)


def resident_of_workers(process: Process) -> float:
    return sum(map(resident_bytes, children(process.pid))) / MEGABYTE
