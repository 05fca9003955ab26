"""Stores the figures that the tests measure, one JSON line each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple


class Figure(NamedTuple):
    promise: str
    test: str  #: file::name
    target: str
    measured: str
    is_met: bool
    on: str  #: the date
    machine: str


def record(figure: Figure) -> None:
    """Append the figure to the file that script/fire names, at once: the test may fail later."""
    if path := os.environ.get("FIRE_FIGURES"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(as_line(figure))


def read(path: Path) -> list[Figure]:
    if not path.exists():
        return []
    return [Figure(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def merge(kept: Iterable[Figure], new: Iterable[Figure]) -> list[Figure]:
    """Return the kept figures and the new ones, sorted.

    The new figures of a test replace all its kept ones, including those that it no longer records.
    """
    added = [*new]
    names = {figure.test for figure in added}
    figures = [*(figure for figure in kept if figure.test not in names), *added]
    return sorted(figures, key=lambda figure: (figure.test, figure.promise))


def write(path: Path, figures: Iterable[Figure]) -> None:
    path.write_text("".join(map(as_line, figures)), "utf-8")


def as_line(figure: Figure) -> str:
    return json.dumps(figure._asdict(), ensure_ascii=False) + "\n"
