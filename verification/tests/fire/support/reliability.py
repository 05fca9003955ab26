"""Write docs/RELIABILITY.md from the figures of docs/reliability.jsonl.

python -m verification.tests.fire.support.reliability [NEW FIGURES]: adds the new ones first.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from verification.tests.fire.support.figures import Figure, merge, read, write

DOCS = Path(__file__).resolve().parents[4] / "docs"
KEPT, PAGE = DOCS / "reliability.jsonl", DOCS / "RELIABILITY.md"

HEADING = """\
# Reliability

This page lists what the project promises, how each promise is tested, and what was measured.
`script/fire` writes it from `reliability.jsonl`; do not edit it. The tests are in
`verification/tests/fire/`, and `script/test` runs short forms of them. All load came over loopback
from the machine that also ran the server. Missed targets are **marked**.

[SURVIVORS.md](../verification/tests/fire/SURVIVORS.md) lists the mutations of the code that the
tests detect, and those that they do not. Some checks have no figure, because `.ci/run` fails
without them: the search for secrets on pages and in logs, exports and sessions (`test_canary.py`),
branch coverage of the core, `check --deploy`, bandit and detect-secrets.

| promise | test | target | measured | on |
|---|---|---|---|---|
"""


def main(arguments: Sequence[str]) -> None:
    figures = read(KEPT)
    for name in arguments:
        figures = merge(figures, read(Path(name)))
    write(KEPT, figures)
    PAGE.write_text(page(figures), "utf-8")


def page(figures: Sequence[Figure]) -> str:
    machines = list(dict.fromkeys(figure.machine for figure in figures))
    rows = [row(figure, machines.index(figure.machine) + 1) for figure in figures]
    notes = [f"{number}. {machine}\n" for number, machine in enumerate(machines, 1)]
    return "".join([HEADING, *rows, "\nMeasured on\n\n", *notes])


def row(figure: Figure, machine: int) -> str:
    file, _, name = figure.test.partition("::")
    test = f"[{sentence(name)}](../verification/tests/fire/{file})"
    measured = figure.measured if figure.is_met else f"**missed: {figure.measured}**"
    cells = [figure.promise, test, figure.target, measured, f"{figure.on} ({machine})"]
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


def sentence(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ").replace("[", "(").replace("]", ")")


if __name__ == "__main__":
    main(sys.argv[1:])
