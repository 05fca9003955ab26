"""The targets, and by how much each was met or missed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.contenders import BUSY_CONNECTIONS
from benchmarks.footprint import Footprint
from benchmarks.results import Number, Results, p50, p99, rate


class Target(NamedTuple):
    """A bound for one number, and the number that was measured."""

    title: str
    bound: float
    measured: float | None  #: None if it was not measured
    is_maximum: bool = False  #: whether the bound is a maximum instead of a minimum
    unit: str = "×"
    spread: tuple[float, float] | None = None  #: the least and the greatest of the rounds

    @property
    def aim(self) -> str:
        return f"{'≤' if self.is_maximum else '≥'} {self.bound:g}{self.unit}"

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        if self.is_met:
            return "met"
        return f"missed by {abs(self.measured - self.bound) / self.bound:.0%}"

    @property
    def is_met(self) -> bool:
        if self.measured is None:
            return False
        return self.measured <= self.bound if self.is_maximum else self.measured >= self.bound


def against_peers(results: Results) -> Iterator[Target]:
    """Compare the gateway with its peers; each number is a ratio of medians."""
    for other, connections, minimum in [
        ("express-pg", 1, 0.6),
        ("express-pg", 32, 1.7),
        ("express-pg", 128, 2.5),
        ("express", 32, 0.7),
        ("express", 128, 1.0),
        ("django", 32, 8),
        ("pgbench", 32, 0.5),
    ]:
        title = f"rate ÷ that of {other}, {count(connections)}"
        yield compare(results, title, minimum, "ours", other, connections, rate)
    for connections in (1, 32, 128):
        title = f"p99 ÷ that of express-pg, {count(connections)}"
        target = compare(results, title, 1, "ours", "express-pg", connections, p99)
        yield target._replace(is_maximum=True)
    title = f"p50 ÷ that of same-work, {count(1)}"
    target = compare(results, title, 2.0, "ours", "same-work", 1, p50)
    yield target._replace(is_maximum=True)


def compare(
    results: Results,
    title: str,
    bound: float,
    ours: str,
    other: str,
    connections: int,
    number: Number,
) -> Target:
    """Return a minimum for the ratio of two contenders."""
    measured = results.ratio(ours, other, connections, number)
    spread = results.spread(ours, other, connections, number)
    return Target(title, bound, measured, spread=spread)


def of_pushes(results: Results) -> Iterator[Target]:
    """Compare the gateway with a peer that passes pushes on, and with the backend itself."""
    title = f"rate ÷ that of express-relay, {count(BUSY_CONNECTIONS)}"
    yield compare(results, title, 1, "relay", "express-relay", BUSY_CONNECTIONS, rate)
    for number, name, maximum, connections in [
        (p99, "p99", 15, BUSY_CONNECTIONS),
        (p50, "p50", 3, 1),
    ]:
        measured = results.difference("relay", "direct", connections, number)
        title = f"{name} − that of the backend itself, {count(connections)}"
        yield Target(title, maximum, measured, is_maximum=True, unit=" ms")


def count(connections: int) -> str:
    return "1 connection" if connections == 1 else f"{connections} connections"


def against_smaller(results: Results) -> Iterator[Target]:
    """Compare the gateway with itself on a smaller database."""
    for large, small, title, minimum in [
        ("grown", "ours", "rate at 1,000 accounts and 1,000,000 attempts ÷ at 1 and none", 0.9),
        ("grown-all", "ours", "the same, all 1,000 accounts called in turn", 0.9),
        ("root-50", "root-1", "rate at `/` with 50 accounts answering ÷ with 1", 0.7),
    ]:
        yield compare(results, title, minimum, large, small, BUSY_CONNECTIONS, rate)


def of_footprint(footprint: Footprint) -> Iterator[Target]:
    title = "from exec to the first echostr recorded"
    yield Target(title, 1.5, footprint.start_up, is_maximum=True, unit=" s")
    title = "resident memory of two workers"
    yield Target(title, 220, footprint.memory, is_maximum=True, unit=" MB")
    title = "resident memory after 1,000,000 requests ÷ after 100,000"
    yield Target(title, 1.05, footprint.growth, is_maximum=True)
