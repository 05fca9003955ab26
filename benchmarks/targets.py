"""What was aimed at, and by how much it was met or missed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from benchmarks.alone import Figures
from benchmarks.contestants import CROWD
from benchmarks.results import Results, p50, p99, rate


class Target(NamedTuple):
    what: str
    bound: float
    measured: float | None  #: None where it was not measured
    is_most: bool = False  #: the bound is the most that is allowed, not the least
    unit: str = "×"

    @property
    def aim(self) -> str:
        return f"{'≤' if self.is_most else '≥'} {self.bound:g}{self.unit}"

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
        return self.measured <= self.bound if self.is_most else self.measured >= self.bound


def compared(results: Results) -> Iterator[Target]:
    """Against the peers; a ratio of medians each."""
    for other, connections, least in [
        ("express-pg", 1, 0.6),
        ("express-pg", 32, 2.0),
        ("express-pg", 128, 2.5),
        ("express", 32, 0.9),
        ("express", 128, 1.2),
        ("django", 32, 10),
        ("pgbench", 32, 0.5),
    ]:
        measured = results.ratio("ours", other, connections, rate)
        yield Target(f"rate ÷ that of {other}, {connections} at once", least, measured)
    for connections in (1, 32, 128):
        measured = results.ratio("ours", "express-pg", connections, p99)
        what = f"p99 ÷ that of express-pg, {connections} at once"
        yield Target(what, 1, measured, is_most=True)
    measured = results.ratio("ours", "same-work", 1, p50)
    yield Target("p50 ÷ that of same-work, one at a time", 2.5, measured, is_most=True)


def grown(results: Results) -> Iterator[Target]:
    """Against ourselves, smaller."""
    for one, other, what, least in [
        ("grown", "ours", "rate at 1,000 accounts and 1,000,000 attempts ÷ at 1 and none", 0.9),
        ("grown-all", "ours", "the same, all 1,000 called in turn", 0.9),
        ("root-50", "root-1", "rate at `/` with 50 accounts answering ÷ with 1", 0.7),
    ]:
        yield Target(what, least, results.ratio(one, other, CROWD, rate))


def alone(figures: Figures) -> Iterator[Target]:
    started = "from exec to the first echostr recorded"
    yield Target(started, 1.5, figures.start_up, is_most=True, unit=" s")
    yield Target("two workers, resident", 220, figures.resident, is_most=True, unit=" MB")
    grown = "resident after 1,000,000 requests ÷ after 100,000"
    yield Target(grown, 1.05, figures.growth, is_most=True)
