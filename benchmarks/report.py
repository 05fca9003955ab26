"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.contestants import CONTESTANTS
from benchmarks.results import Number, Results, p50, p99, rate
from benchmarks.targets import Target

FILE = Path(__file__).with_name("RESULTS.md")
#: From here on the file is a person's; it is kept as it is.
BY_HAND = "## Where the time goes"


def write(text: str) -> None:
    kept = FILE.read_text().partition(BY_HAND)[2] if FILE.exists() else "\n"
    FILE.write_text(f"{text}\n{BY_HAND}{kept}")


def make(about: Sequence[str], targets: Iterable[Target], results: Results) -> str:
    tables = [target_table(targets), rate_table(results), cpu_table(results)]
    return "\n\n".join(["# Beside its peers", *about, *tables]) + "\n"


def target_table(targets: Iterable[Target]) -> str:
    rows = (
        f"| {it.what} | {it.aim} | {show(it.measured, it.unit)} | {it.verdict} |" for it in targets
    )
    return "\n".join(
        ["## Targets", "", "| this gateway's | target | measured | |", "|---|--:|--:|---|", *rows]
    )


def show(measured: float | None, unit: str) -> str:
    return "" if measured is None else f"{measured:.2f}{unit}"


def rate_table(results: Results) -> str:
    """Requests a second, what they are of ours, and how long a request takes."""
    head = ["## Rates", "", "| | at once | requests/s | ours is | p50 ms | p99 ms | turns |"]
    return "\n".join([*head, "|---|--:|--:|--:|--:|--:|--:|", *rate_rows(results)])


def rate_rows(results: Results) -> Iterator[str]:
    for it in CONTESTANTS:
        for name, connections in results.turns:
            if name != it.name:
                continue
            ratio = results.ratio("ours", name, connections, rate)
            cells = [
                f"{name}: {it.title}",
                str(connections),
                f"{results.median(name, connections, rate):,.0f}",
                show(ratio, "×"),
                f"{results.median(name, connections, p50):.1f}",
                f"{results.median(name, connections, p99):.1f}",
                str(len(results.turns[name, connections])),
            ]
            yield f"| {' | '.join(cells)} |"


def cpu_table(results: Results) -> str:
    """Other work on the machine takes time away, but adds little to this."""
    by: dict[str, Number] = {
        "server": lambda it: it.server_cpu,
        "PostgreSQL": lambda it: it.database_cpu,
    }
    head = ["## Processor time", "", "Microseconds a request, of all their processes together.", ""]
    rows = (
        f"| {name} | {connections} | "
        + " | ".join(f"{results.median(name, connections, number):.0f}" for number in by.values())
        + " |"
        for name, connections in results.turns
    )
    columns = f"| | at once | {' | '.join(by)} |"
    return "\n".join([*head, columns, "|---|--:|--:|--:|", *rows])
