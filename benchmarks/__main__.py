"""Runs what script/bench was asked for: see script/bench --help."""

from __future__ import annotations

import os
import signal
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks import alone, report, targets
from benchmarks.contestants import CONTESTANTS, Contestant, Server
from benchmarks.databases import Databases
from benchmarks.machine import describe
from benchmarks.results import Results
from benchmarks.templates import make_template
from benchmarks.trouble import Trouble
from benchmarks.turns import Turn

EVERYTHING = [*(it.name for it in CONTESTANTS), "start-up", "memory"]
CONNECTIONS = [1, 32, 128]
START_UPS = 7
MANY, AFTER = 1_000_000, 100_000  #: requests, and of them those that warm the memory up


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = parse(sys.argv[1:])
    try:
        with TemporaryDirectory(prefix="bench-") as place:
            run(options, Databases(os.environ["DATABASE_URL"]), Path(place))
    except Trouble as trouble:
        say(f"script/bench: {trouble}")
        return 1
    return 0


def parse(arguments: Sequence[str]) -> Namespace:
    parser = ArgumentParser(prog="script/bench", add_help=False)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
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


def run(options: Namespace, databases: Databases, place: Path) -> None:
    about = describe_run(options, databases.url)
    turn = Turn(databases, place, options.seconds)
    chosen = [it for it in CONTESTANTS if it.name in options.only]
    for template in {it.template: None for it in chosen} | {"one": None}:
        say(f"Making the database “{template}”")
        make_template(databases, template)
    results = play(turn, chosen, options)
    reached = [*targets.compared(results), *targets.grown(results), *measure_alone(turn, options)]
    text = report.make(about, reached, results)
    sys.stdout.write(text)
    if options.only == EVERYTHING and options.connections == CONNECTIONS:
        report.write(text)
        say(f"Written to {report.FILE}")


def describe_run(options: Namespace, url: str) -> list[str]:
    busy = os.getloadavg()[0]
    return [
        f"Made by `script/bench` on {time.strftime('%Y-%m-%d')}: medians of {options.rounds} turns"
        f" of {options.seconds} s each, alternating. Load average before: {busy:.1f}.",
        " · ".join(describe(url)) + ".",
    ]


def play(turn: Turn, chosen: Sequence[Contestant], options: Namespace) -> Results:
    """Each contestant in turn, then again: what disturbs the machine disturbs all."""
    results = Results()
    for number in range(options.rounds):
        for it in chosen:
            connections = it.connections or options.connections
            for count, measured in turn.take(it, connections):
                results.add(it.name, count, measured)
                load = measured.load
                say(
                    f"Round {number + 1} of {options.rounds}: {it.name}, {count} connections:"
                    f" {load.rate:,.0f}/s, p50 {load.p50:.1f} ms, p99 {load.p99:.1f} ms"
                )
    return results


def measure_alone(turn: Turn, options: Namespace) -> list[targets.Target]:
    [ours] = [it for it in CONTESTANTS if it.name == "ours"]
    assert isinstance(ours, Server)
    start_up = resident = growth = None
    if "start-up" in options.only:
        start_up = median(alone.start_up(turn, ours) for _ in range(START_UPS))
        say(f"Start-up: {start_up:.2f} s")
    if "memory" in options.only:
        resident = alone.resident(turn, ours)
        say(f"Resident: {resident:.0f} MB")
    if options.long:
        growth = measure_growth(turn, ours, say)
    return [*targets.alone(start_up, resident, growth)]


def measure_growth(turn: Turn, ours: Server, tell: Callable[[str], None]) -> float:
    first = last = 0.0
    for answered, megabytes in alone.resident_over(turn, ours, MANY):
        tell(f"Resident after {answered:,} requests: {megabytes:.1f} MB")
        first = first or (megabytes if answered >= AFTER else 0.0)
        last = megabytes
    return last / first


def say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
