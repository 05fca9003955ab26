"""URL verifications by day as an SVG: the position of each bar, tick and label in SVG units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from verification.attempts.counts import Bar

WIDTH, HEIGHT = 900, 160
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 8, 22  #: room for the axes
MAX_LABELS = 6  #: dates below the axis


@dataclass(frozen=True)
class Column:
    bar: Bar
    x: float
    width: float
    accepted_y: float
    accepted_height: float
    refused_y: float
    refused_height: float
    label: str  #: the date below the axis; empty for most columns
    is_minor: bool  #: the label is hidden on a phone, which has room for every other one

    @property
    def days(self) -> str:
        first, last = self.bar.first.isoformat(), self.bar.last.isoformat()
        return first if first == last else f"{first} – {last}"

    @property
    def middle(self) -> float:
        return round(self.x + self.width / 2, 1)


@dataclass(frozen=True)
class Tick:
    y: float
    text_y: float
    number: int


@dataclass(frozen=True)
class Chart:
    columns: list[Column]
    ticks: list[Tick]
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    base: int = HEIGHT - BOTTOM
    label_y: int = HEIGHT - 6

    @property
    def accepted(self) -> int:
        return sum(column.bar.accepted for column in self.columns)

    @property
    def refused(self) -> int:
        return sum(column.bar.refused for column in self.columns)


def draw(bars: list[Bar]) -> Chart:
    """Return a chart with one column for each bar."""
    top = round_up(max((bar.accepted + bar.refused for bar in bars), default=0))
    per_one = (HEIGHT - TOP - BOTTOM) / top
    pitch = (WIDTH - LEFT - RIGHT) / max(len(bars), 1)
    columns = [
        _column(bar, LEFT + number * pitch, pitch, per_one, *label)
        for number, (bar, label) in enumerate(zip(bars, _labels(bars), strict=True))
    ]
    return Chart(columns, [_tick(number, per_one) for number in {0, top // 2, top}])


def _labels(bars: list[Bar]) -> Iterator[tuple[str, bool]]:
    """Yield the label of each bar, mostly empty, and whether a phone hides it."""
    interval = ceil(len(bars) / MAX_LABELS) or 1
    is_long = bool(bars) and bars[-1].last - bars[0].first > timedelta(days=366)
    for number, bar in enumerate(bars):
        text = f"{bar.first:%Y-%m}" if is_long else f"{bar.first:%m-%d}"
        yield ("" if number % interval else text), number % (2 * interval) > 0


def round_up(number: int) -> int:
    """Return the next even number that is easy to read: 2, 4, 10, 20, 40, 100, …"""
    if number <= 2:
        return 2
    unit = int("1" + "0" * (len(str(number)) - 1))
    steps = [unit * step for step in (1, 2, 4, 6, 8, 10)]
    return next(step for step in steps if step >= number and step % 2 == 0)


def _column(bar: Bar, x: float, pitch: float, per_one: float, label: str, is_minor: bool) -> Column:
    accepted, refused = bar.accepted * per_one, bar.refused * per_one
    base = HEIGHT - BOTTOM
    return Column(
        bar=bar,
        x=round(x + pitch * 0.1, 1),
        width=round(min(pitch * 0.8, 40), 1),
        accepted_y=round(base - accepted, 1),
        accepted_height=round(accepted, 1),
        refused_y=round(base - accepted - refused, 1),
        refused_height=round(refused, 1),
        label=label,
        is_minor=is_minor,
    )


def _tick(number: int, per_one: float) -> Tick:
    y = round(HEIGHT - BOTTOM - number * per_one, 1)
    return Tick(y, y + 4, number)
