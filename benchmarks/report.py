"""Writes the results as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from benchmarks.contenders import CONTENDERS, PUSH_CONTENDERS
from benchmarks.results import Results, database_cpu, p50, p99, rate, server_cpu
from benchmarks.targets import Target


class Part(StrEnum):
    """A part of the report, with the heading that it has."""

    CALLBACKS = "# Comparison with peers"
    PUSHES = "## Message pushes, passed on to a backend"


FILE = Path(__file__).with_name("RESULTS.md")
#: From this heading on, people write the file; write() keeps the text below it.
HAND_WRITTEN = "## What it comes to"
TOO_SHORT = "Fewer than 3 rounds of 3 s: too short to say which targets are met."
COLUMNS = [
    "connections",
    "requests/s",
    "gateway ÷ this",
    "p50 ms",
    "p99 ms",
    "CPU µs",
    "PostgreSQL CPU µs",
]


def write(texts: Mapping[Part, str]) -> None:
    """Replace these parts of RESULTS.md."""
    text = FILE.read_text() if FILE.exists() else f"{HAND_WRITTEN}\n"
    first, *others = re.split(rf"^(?={Part.PUSHES}$|{HAND_WRITTEN}$)", text, flags=re.MULTILINE)
    kept = {Part.CALLBACKS.value: first} | {other.partition("\n")[0]: other for other in others}
    parts = [texts.get(part, kept.get(part, "")).strip() for part in Part]
    FILE.write_text("\n\n".join([*filter(None, parts), kept[HAND_WRITTEN]]))


def make(part: Part, about: Sequence[str], targets: Sequence[Target], results: Results) -> str:
    """Return a part of the report; without targets it says that the run was too short for them."""
    parts = [verdict(targets), *about, target_table(targets)] if targets else [TOO_SHORT, *about]
    text = "\n\n".join([part, *parts, result_table(part, results)]) + "\n"
    # In the second part, the tables are one level lower.
    return text if part is Part.CALLBACKS else text.replace("\n## ", "\n### ")


def verdict(targets: Sequence[Target]) -> str:
    measured = [target for target in targets if target.measured is not None]
    met = sum(target.is_met for target in measured)
    sentence = f"{met} of {len(measured)} targets that were measured are met."
    if met == len(measured):
        return sentence
    return f"{sentence} [Why the others are not](#what-it-comes-to)"


def target_table(targets: Iterable[Target]) -> str:
    head = [
        "## Targets",
        "",
        "| this gateway's | target | measured | of the rounds | |",
        "|---|--:|--:|--:|---|",
    ]
    rows = (
        f"| {target.title} | {target.aim} | {show(target.measured, target.unit)}"
        f" | {show_spread(target.spread)} | {target.verdict} |"
        for target in targets
    )
    return "\n".join([*head, *rows])


def show(measured: float | None, unit: str) -> str:
    return "" if measured is None else f"{measured:.2f}{unit}"


def show_spread(spread: tuple[float, float] | None) -> str:
    return "" if spread is None else f"{spread[0]:.2f} to {spread[1]:.2f}"


def result_table(part: Part, results: Results) -> str:
    head = [
        "## Results",
        "",
        "Every server has two processes, and shares the machine with PostgreSQL and the client."
        " “Gateway ÷ this” is the gateway's requests a second divided by those of the row."
        " “CPU µs” is a request's processor time in all processes of the server, and of"
        " PostgreSQL.",
        "",
        f"| | {' | '.join(COLUMNS)} |",
        f"|---|{'--:|' * len(COLUMNS)}",
    ]
    return "\n".join([*head, *result_rows(part, results)])


def result_rows(part: Part, results: Results) -> Iterator[str]:
    for contender in CONTENDERS if part is Part.CALLBACKS else PUSH_CONTENDERS:
        for name, connections in results.rounds:
            if name != contender.name:
                continue
            cells = [
                f"{name}: {contender.title}",
                str(connections),
                f"{results.median(name, connections, rate):,.0f}",
                show(results.ratio(contender.compared_with, name, connections, rate), "×"),
                f"{results.median(name, connections, p50):.1f}",
                f"{results.median(name, connections, p99):.1f}",
                f"{results.median(name, connections, server_cpu):.0f}",
                f"{results.median(name, connections, database_cpu):.0f}",
            ]
            yield f"| {' | '.join(cells)} |"
