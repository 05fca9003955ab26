"""Writes the results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.results import Results, database_cpu, p50, p99, rate, server_cpu
from benchmarks.targets import Target

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


def write(text: str) -> None:
    """Replace the generated part of RESULTS.md."""
    kept = FILE.read_text().partition(HAND_WRITTEN)[2] if FILE.exists() else "\n"
    FILE.write_text(f"{text}\n{HAND_WRITTEN}{kept}")


def make(about: Sequence[str], targets: Sequence[Target], results: Results) -> str:
    """Return the report; without targets it says that the run was too short for a verdict."""
    parts = [verdict(targets), *about, target_table(targets)] if targets else [TOO_SHORT, *about]
    return "\n\n".join(["# Comparison with peers", *parts, result_table(results)]) + "\n"


def verdict(targets: Sequence[Target]) -> str:
    measured = [target for target in targets if target.measured is not None]
    met = sum(target.is_met for target in measured)
    sentence = f"{met} of {len(measured)} targets that were measured are met."
    if met == len(measured):
        return sentence
    return f"{sentence} [Why the others are not](#what-it-comes-to)"


def target_table(targets: Iterable[Target]) -> str:
    head = ["## Targets", "", "| this gateway's | target | measured | |", "|---|--:|--:|---|"]
    rows = (
        f"| {target.title} | {target.aim} | {show(target.measured, target.unit)}"
        f" | {target.verdict} |"
        for target in targets
    )
    return "\n".join([*head, *rows])


def show(measured: float | None, unit: str) -> str:
    return "" if measured is None else f"{measured:.2f}{unit}"


def result_table(results: Results) -> str:
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
    return "\n".join([*head, *result_rows(results)])


def result_rows(results: Results) -> Iterator[str]:
    for contender in CONTENDERS:
        for name, connections in results.rounds:
            if name != contender.name:
                continue
            cells = [
                f"{name}: {contender.title}",
                str(connections),
                f"{results.median(name, connections, rate):,.0f}",
                show(results.ratio("ours", name, connections, rate), "×"),
                f"{results.median(name, connections, p50):.1f}",
                f"{results.median(name, connections, p99):.1f}",
                f"{results.median(name, connections, server_cpu):.0f}",
                f"{results.median(name, connections, database_cpu):.0f}",
            ]
            yield f"| {' | '.join(cells)} |"
