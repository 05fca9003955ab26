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
    """A new figure takes the place of the one of the same promise and test."""
    figures = {(figure.promise, figure.test): figure for figure in [*kept, *new]}
    return sorted(figures.values(), key=lambda figure: (figure.test, figure.promise))


def write(path: Path, figures: Iterable[Figure]) -> None:
    path.write_text("".join(map(as_line, figures)), "utf-8")


def as_line(figure: Figure) -> str:
    return json.dumps(figure._asdict(), ensure_ascii=False) + "\n"
