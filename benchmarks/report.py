"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.contestants import CONTESTANTS
from benchmarks.results import Results, database_cpu, p50, p99, rate, server_cpu
from benchmarks.targets import Target

FILE = Path(__file__).with_name("RESULTS.md")
#: From here on the file is a person's; it is kept as it is.
BY_HAND = "## What it comes to"
TOO_LITTLE = "Fewer than 3 turns of 3 s: too little to say which targets are met."
COLUMNS = ["at once", "requests/s", "ours is", "p50 ms", "p99 ms", "µs", "µs of PostgreSQL"]


def write(text: str) -> None:
    kept = FILE.read_text().partition(BY_HAND)[2] if FILE.exists() else "\n"
    FILE.write_text(f"{text}\n{BY_HAND}{kept}")


def make(about: Sequence[str], targets: Sequence[Target], results: Results) -> str:
    """Without targets nothing is said of them."""
    parts = [verdict(targets), *about, target_table(targets)] if targets else [TOO_LITTLE, *about]
    return "\n\n".join(["# Beside its peers", *parts, result_table(results)]) + "\n"


def verdict(targets: Sequence[Target]) -> str:
    measured = [it for it in targets if it.measured is not None]
    met = sum(it.is_met for it in measured)
    told = f"{met} of {len(measured)} targets that were measured are met."
    return told if met == len(measured) else f"{told} [Why the others are not](#what-it-comes-to)"


def target_table(targets: Iterable[Target]) -> str:
    head = ["## Targets", "", "| this gateway's | target | measured | |", "|---|--:|--:|---|"]
    rows = (
        f"| {it.what} | {it.aim} | {show(it.measured, it.unit)} | {it.verdict} |" for it in targets
    )
    return "\n".join([*head, *rows])


def show(measured: float | None, unit: str) -> str:
    return "" if measured is None else f"{measured:.2f}{unit}"


def result_table(results: Results) -> str:
    head = [
        "## Results",
        "",
        "Every server runs two processes and shares the machine with PostgreSQL and the client.",
        "“Ours is” compares requests a second. “µs” is the processor time of a request, in all",
        "processes of the server, and of PostgreSQL.",
        "",
        f"| | {' | '.join(COLUMNS)} |",
        f"|---|{'--:|' * len(COLUMNS)}",
    ]
    return "\n".join([*head, *result_rows(results)])


def result_rows(results: Results) -> Iterator[str]:
    for it in CONTESTANTS:
        for name, connections in results.turns:
            if name != it.name:
                continue
            cells = [
                f"{name}: {it.title}",
                str(connections),
                f"{results.median(name, connections, rate):,.0f}",
                show(results.ratio("ours", name, connections, rate), "×"),
                f"{results.median(name, connections, p50):.1f}",
                f"{results.median(name, connections, p99):.1f}",
                f"{results.median(name, connections, server_cpu):.0f}",
                f"{results.median(name, connections, database_cpu):.0f}",
            ]
            yield f"| {' | '.join(cells)} |"
