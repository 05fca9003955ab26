"""Runs what script/bench was asked for: see script/bench --help."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import report, targets
from benchmarks.alone import Figures, resident, resident_over, start_up
from benchmarks.contestants import CONTESTANTS, Contestant, Server
from benchmarks.databases import Databases
from benchmarks.machine import commit, describe
from benchmarks.results import Results
from benchmarks.templates import make_template
from benchmarks.trouble import Trouble
from benchmarks.turns import Turn

EVERYTHING = [*(it.name for it in CONTESTANTS), "start-up", "memory"]
CONNECTIONS = [1, 32, 128]
START_UPS = 7
LEAST = 3  #: turns, and seconds of each: below, two runs may differ by half
MANY, AFTER = 1_000_000, 100_000  #: requests, and of them those that warm the memory up


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = parse(sys.argv[1:])
    with TemporaryDirectory(prefix="bench-") as place:
        return run(options, Databases(os.environ["DATABASE_URL"]), Path(place))


def parse(arguments: Sequence[str]) -> Namespace:
    parser = ArgumentParser(prog="script/bench", add_help=False)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=numbers, default=CONNECTIONS)
    parser.add_argument("--only", type=names, default=EVERYTHING)
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args(arguments)
    if min(options.rounds, options.seconds, *options.connections) < 1:
        parser.error("--rounds, --seconds and --connections are 1 or more.")
    return options


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def names(text: str) -> list[str]:
    chosen = text.split(",")
    unknown = [name for name in chosen if name not in EVERYTHING]
    if unknown:
        raise ArgumentTypeError(f"there is no {unknown[0]}; see script/bench --help.")
    return chosen


def run(options: Namespace, databases: Databases, place: Path) -> int:
    """The exit code; what was measured before something went wrong is printed all the same."""
    about = describe_run(options, databases.url)
    results, figures, code = Results(), Figures(), 0
    try:
        measure(options, Turn(databases, place, options.seconds), results, figures)
    except Trouble as trouble:
        say(f"script/bench: {trouble}")
        code = 1
    reached = [*targets.compared(results), *targets.grown(results), *targets.alone(figures)]
    text = report.make(about, reached if is_enough(options) else [], results)
    sys.stdout.write(text)
    if code == 0 and is_enough(options) and is_everything(options):
        report.write(text)
        say(f"Written to {report.FILE}")
    return code


def is_enough(options: Namespace) -> bool:
    """To say which targets are met."""
    return bool(min(options.rounds, options.seconds) >= LEAST)


def is_everything(options: Namespace) -> bool:
    chosen = options.only, options.connections, options.long
    return chosen == (EVERYTHING, CONNECTIONS, True)


def measure(options: Namespace, turn: Turn, results: Results, figures: Figures) -> None:
    chosen = [it for it in CONTESTANTS if it.name in options.only]
    for template in {it.template: None for it in chosen} | {"one": None}:
        say(f"Making the database “{template}”")
        make_template(turn.databases, template)
    play(turn, chosen, options, results)
    measure_alone(turn, options, figures)


def describe_run(options: Namespace, url: str) -> list[str]:
    busy = os.getloadavg()[0]
    command = shlex.join(["script/bench", *sys.argv[1:]])
    turns = f"medians of {options.rounds} turns" if options.rounds > 1 else "one turn"
    return [
        f"Made by `{command}` on {time.strftime('%Y-%m-%d')}, of commit {commit()}: {turns}"
        f" of {options.seconds} s each, alternating. Load average before: {busy:.1f}.",
        " · ".join(describe(url)) + ".",
    ]


def play(turn: Turn, chosen: Sequence[Contestant], options: Namespace, results: Results) -> None:
    """Each contestant in turn, then again: what disturbs the machine disturbs all."""
    for number in range(options.rounds):
        for it in chosen:
            for count, measured in turn.take(it, it.connections or options.connections):
                results.add(it.name, count, measured)
                load = measured.load
                say(
                    f"Round {number + 1} of {options.rounds}: {it.name}, {count} at once:"
                    f" {load.rate:,.0f}/s, p50 {load.p50:.1f} ms, p99 {load.p99:.1f} ms"
                )


def measure_alone(turn: Turn, options: Namespace, figures: Figures) -> None:
    [ours] = [it for it in CONTESTANTS if it.name == "ours"]
    assert isinstance(ours, Server)
    if "start-up" in options.only:
        figures.start_up = median(start_up(turn, ours) for _ in range(START_UPS))
        say(f"Start-up: {figures.start_up:.2f} s")
    if "memory" in options.only:
        figures.resident = resident(turn, ours)
        say(f"Resident: {figures.resident:.0f} MB")
    if options.long:
        figures.growth = measure_growth(turn, ours)


def measure_growth(turn: Turn, ours: Server) -> float:
    """Resident memory after MANY requests, as a share of what it was after AFTER."""
    first = last = 0.0
    for answered, last in resident_over(turn, ours, MANY):
        say(f"Resident after {answered:,} requests: {last:.1f} MB")
        first = first or (last if answered >= AFTER else 0.0)
    return last / first


def say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
