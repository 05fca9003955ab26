"""Draws callbacks by hour or day as an SVG: places each bar, tick and label in SVG units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil

from django.utils import timezone

from verification.attempts.bars import Bar
from verification.times import HOUR, MINUTE, comes_twice, local_offset, midnight

WIDTH = 900
HEIGHT = 84  #: of the part with the accepted and refused bars
PUSHES_HEIGHT = 34  #: of the part below it, which has its own scale: pushes are many
LEFT, RIGHT, TOP, BOTTOM = 44, 8, 8, 20  #: room for the axes
MAX_LABELS = 8  #: times or dates below the axis
#: Hours are labelled at full multiples of these, so that days begin with a label.
HOURS_BETWEEN_LABELS = (1, 2, 3, 6, 12, 24)


@dataclass(frozen=True)
class Column:
    """Holds the place of one bar, and where a click on it leads."""

    bar: Bar
    url: str  #: empty for an empty bar
    when: str
    x: float
    width: float
    accepted_y: float
    accepted_height: float
    refused_y: float
    refused_height: float
    pushes_y: float
    pushes_height: float
    label: str  #: the time or date below the axis; empty for most columns
    is_minor: bool  #: the label is hidden on a phone, which has room for every other one
    is_current: bool

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
    height: int
    base: int  #: of the accepted and refused bars
    pushes_base: int
    days_per_bar: int  #: of the longest bar; 0 if the bars are of hours
    most_pushes: int = 0
    width: int = WIDTH
    left: int = LEFT
    right: int = WIDTH - RIGHT
    top: int = TOP
    used: list[Column] = field(default_factory=list)  #: the columns that are not empty

    @property
    def label_y(self) -> int:
        return self.height - 5

    @property
    def pushes_label_y(self) -> int:
        return self.pushes_base - PUSHES_HEIGHT + 16

    @property
    def has_pushes(self) -> bool:
        return self.most_pushes > 0

    @property
    def accepted(self) -> int:
        return sum(column.bar.accepted for column in self.columns)

    @property
    def refused(self) -> int:
        return sum(column.bar.refused for column in self.columns)

    @property
    def pushes(self) -> int:
        return sum(column.bar.pushes for column in self.columns)


def draw(
    bars: Sequence[Bar],
    link: Callable[[Bar], str],
    is_current: Callable[[Bar], bool] = lambda _bar: False,
) -> Chart:
    """Return a chart with one column for each bar, which leads to the address from `link`."""
    top = round_up(max((bar.accepted + bar.refused for bar in bars), default=0))
    most_pushes = max((bar.pushes for bar in bars), default=0)
    base = TOP + HEIGHT
    pushes_base = base + PUSHES_HEIGHT if most_pushes else base
    per_one, per_push = HEIGHT / top, (PUSHES_HEIGHT - 8) / max(most_pushes, 1)
    pitch = (WIDTH - LEFT - RIGHT) / max(len(bars), 1)
    columns = []
    for number, (bar, (label, is_minor)) in enumerate(zip(bars, _labels(bars), strict=True)):
        accepted, refused = bar.accepted * per_one, bar.refused * per_one
        pushes = _visible(bar.pushes * per_push)
        columns.append(
            Column(
                bar=bar,
                url=link(bar) if bar.total or is_current(bar) else "",
                when=format_span(bar),
                x=round(LEFT + (number + 0.1) * pitch, 1),
                width=round(min(pitch * 0.8, 40), 1),
                accepted_y=round(base - accepted, 1),
                accepted_height=round(accepted, 1),
                refused_y=round(base - accepted - _visible(refused), 1),
                refused_height=round(_visible(refused), 1),
                pushes_y=round(pushes_base - pushes, 1),
                pushes_height=round(pushes, 1),
                label=label,
                is_minor=is_minor,
                is_current=is_current(bar),
            )
        )
    return Chart(
        columns,
        [_tick(number, per_one) for number in sorted({0, top // 2, top})],
        height=pushes_base + BOTTOM,
        base=base,
        pushes_base=pushes_base,
        days_per_bar=0 if _is_by_hour(bars) else max((days_of(bar) for bar in bars), default=1),
        most_pushes=most_pushes,
        used=[column for column in columns if column.bar.total],
    )


def format_span(bar: Bar) -> str:
    """Return the day or days of a bar, or the day, the hour and its last minute."""
    if _is_by_hour([bar]):
        first, last = timezone.localtime(bar.start), timezone.localtime(bar.end - MINUTE)
        offset = f" ({local_offset(first)})" if comes_twice(first) else ""
        return f"{first:%Y-%m-%d %H:%M} – {last:%H:%M}{offset}"
    days = [timezone.localdate(moment) for moment in (bar.start, bar.end - MINUTE)]
    if midnight(days[1]) > bar.end - MINUTE:  # In a zone of half hours, a day ends after midnight.
        days[1] -= timedelta(days=1)
    return " – ".join(dict.fromkeys(day.isoformat() for day in days))


def days_of(bar: Bar) -> int:
    """Return the number of days of a bar, of which the first and the last may be cut off."""
    return ceil((bar.end - bar.start - HOUR) / timedelta(days=1))


def _is_by_hour(bars: Sequence[Bar]) -> bool:
    return bool(bars) and all(bar.end - bar.start <= HOUR for bar in bars)


def _visible(height: float) -> float:
    """Return the height of a bar that is at least one unit high, so that one of many is seen."""
    return max(height, 1.5) if height else 0


def _labels(bars: Sequence[Bar]) -> Iterator[tuple[str, bool]]:
    """Yield the label of each bar, mostly empty, and whether a phone hides it."""
    if _is_by_hour(bars):
        yield from _labels_of_hours(bars)
        return
    interval = ceil(len(bars) / MAX_LABELS) or 1
    is_long = bool(bars) and bars[-1].end - bars[0].start > timedelta(days=366)
    for number, bar in enumerate(bars):
        first = timezone.localtime(bar.start)
        text = f"{first:%Y-%m}" if is_long else f"{first:%m-%d}"
        yield ("" if number % interval else text), number % (2 * interval) > 0


def _labels_of_hours(bars: Sequence[Bar]) -> Iterator[tuple[str, bool]]:
    """Yield the hour as a label, and the date where a day begins."""
    step = next((step for step in HOURS_BETWEEN_LABELS if len(bars) / step <= MAX_LABELS), 24)
    has_days = len(bars) > 24
    for bar in bars:
        first = timezone.localtime(bar.start)
        text = f"{first:%m-%d}" if has_days and first.hour == 0 else f"{first:%H:%M}"
        yield ("" if first.hour % step else text), first.hour % (2 * step) > 0


def round_up(number: int) -> int:
    """Return the next even number that is easy to read: 2, 4, 10, 20, 40, 100, …"""
    if number <= 2:
        return 2
    unit = int("1" + "0" * (len(str(number)) - 1))
    steps = [unit * step for step in (1, 2, 4, 6, 8, 10)]
    return next(step for step in steps if step >= number and step % 2 == 0)


def _tick(number: int, per_one: float) -> Tick:
    y = round(TOP + HEIGHT - number * per_one, 1)
    return Tick(y, y + 4, number)
