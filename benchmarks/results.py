"""What all turns came to: medians, and ratios of medians."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from statistics import median

from benchmarks.turns import Measured

Number = Callable[[Measured], float]


def rate(measured: Measured) -> float:
    return measured.load.rate


def p50(measured: Measured) -> float:
    return measured.load.p50


def p99(measured: Measured) -> float:
    return measured.load.p99


def server_cpu(measured: Measured) -> float:
    return measured.server_cpu


def database_cpu(measured: Measured) -> float:
    return measured.database_cpu


class Results:
    def __init__(self) -> None:
        self.turns: dict[tuple[str, int], list[Measured]] = defaultdict(list)

    def add(self, name: str, connections: int, measured: Measured) -> None:
        self.turns[name, connections].append(measured)

    def median(self, name: str, connections: int, number: Number) -> float | None:
        """None where there was no such turn."""
        turns = self.turns.get((name, connections))
        return median(map(number, turns)) if turns else None

    def ratio(self, one: str, other: str, connections: int, number: Number) -> float | None:
        above = self.median(one, connections, number)
        below = self.median(other, connections, number)
        return above / below if above is not None and below else None
