"""URL verifications by day as an SVG: where each bar, tick and label is, in its own units."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from verification.attempt_counts import Bar

WIDTH, HEIGHT = 900, 160
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 8, 22  #: room for the axes
LABELS = 6  #: dates below the axis, at most


@dataclass(frozen=True)
class Column:
    bar: Bar
    x: float
    width: float
    accepted_y: float
    accepted_height: float
    refused_y: float
    refused_height: float
    label: str  #: below the axis; empty for most

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


def draw(bars: list[Bar]) -> Chart:
    top = round_up(max((bar.accepted + bar.refused for bar in bars), default=0))
    per_one = (HEIGHT - TOP - BOTTOM) / top
    pitch = (WIDTH - LEFT - RIGHT) / max(len(bars), 1)
    every = ceil(len(bars) / LABELS) or 1
    columns = [
        _column(bar, LEFT + number * pitch, pitch, per_one, is_labelled=number % every == 0)
        for number, bar in enumerate(bars)
    ]
    return Chart(columns, [_tick(number, per_one) for number in {0, top // 2, top}])


def round_up(most: int) -> int:
    """An even number that is easy to read, at or above it: 2, 4, 10, 20, 40, 100 …"""
    if most <= 2:
        return 2
    unit = int("1" + "0" * (len(str(most)) - 1))
    steps = [unit * step for step in (1, 2, 4, 6, 8, 10)]
    return next(step for step in steps if step >= most and step % 2 == 0)


def _column(bar: Bar, x: float, pitch: float, per_one: float, *, is_labelled: bool) -> Column:
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
        label=f"{bar.first:%m-%d}" if is_labelled else "",
    )


def _tick(number: int, per_one: float) -> Tick:
    y = round(HEIGHT - BOTTOM - number * per_one, 1)
    return Tick(y, y + 4, number)
