"""The results of all rounds: medians, and ratios of medians."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from statistics import median

from benchmarks.runner import Measured

#: Picks one number of a measurement.
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
    """Holds a list of measurements, one a round, by contender and number of connections."""

    def __init__(self) -> None:
        self.rounds: dict[tuple[str, int], list[Measured]] = defaultdict(list)

    def add(self, name: str, connections: int, measured: Measured) -> None:
        self.rounds[name, connections].append(measured)

    def median(self, name: str, connections: int, number: Number) -> float | None:
        """Return the median of all rounds, or None if there is none."""
        rounds = self.rounds.get((name, connections))
        return median(map(number, rounds)) if rounds else None

    def difference(
        self, minuend: str, subtrahend: str, connections: int, number: Number
    ) -> float | None:
        """Return the median of one contender less that of another, or None without both."""
        above = self.median(minuend, connections, number)
        below = self.median(subtrahend, connections, number)
        return above - below if above is not None and below is not None else None

    def ratio(
        self, numerator: str, denominator: str, connections: int, number: Number
    ) -> float | None:
        """Return the median of one contender divided by that of another, or None without both."""
        above = self.median(numerator, connections, number)
        below = self.median(denominator, connections, number)
        return above / below if above is not None and below else None

    def spread(
        self, numerator: str, denominator: str, connections: int, number: Number
    ) -> tuple[float, float] | None:
        """Return the least and the greatest of the ratios of each round, or None without both."""
        pairs = zip(
            self.rounds.get((numerator, connections), []),
            self.rounds.get((denominator, connections), []),
            strict=False,
        )
        ratios = [number(above) / number(below) for above, below in pairs]
        return (min(ratios), max(ratios)) if ratios else None
