"""What the tests measured: one JSON line for each figure."""

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
    on: str  #: the day
    machine: str


def record(figure: Figure) -> None:
    """Keep it where script/fire asked for it, at once: a test may fail afterwards."""
    if path := os.environ.get("FIRE_FIGURES"):
        with open(path, "a", encoding="utf-8") as file:
            file.write(as_line(figure))


def read(path: Path) -> list[Figure]:
    if not path.exists():
        return []
    return [Figure(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def merge(kept: Iterable[Figure], new: Iterable[Figure]) -> list[Figure]:
    """All figures of a test that ran again are replaced, also those that it had no more."""
    again = [*new]
    names = {figure.test for figure in again}
    figures = [*(figure for figure in kept if figure.test not in names), *again]
    return sorted(figures, key=lambda figure: (figure.test, figure.promise))


def write(path: Path, figures: Iterable[Figure]) -> None:
    path.write_text("".join(map(as_line, figures)), "utf-8")


def as_line(figure: Figure) -> str:
    return json.dumps(figure._asdict(), ensure_ascii=False) + "\n"
