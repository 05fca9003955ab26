"""Runs the benchmarks that the options of script/bench choose: see script/bench --help."""

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
from benchmarks.contenders import CONTENDERS, PUSH_CONTENDERS, Contender, Server
from benchmarks.databases import Databases
from benchmarks.errors import BenchmarkError
from benchmarks.footprint import Footprint, measure_memory, measure_start_up, watch_memory
from benchmarks.machine import commit, describe
from benchmarks.report import Part
from benchmarks.results import Results
from benchmarks.runner import Runner
from benchmarks.templates import make_template

CALLBACK_NAMES = [*(contender.name for contender in CONTENDERS), "start-up", "memory"]
PUSH_NAMES = [contender.name for contender in PUSH_CONTENDERS]
NAMES = {Part.CALLBACKS: CALLBACK_NAMES, Part.PUSHES: PUSH_NAMES}
#: What --only accepts.
ALL_NAMES = [*CALLBACK_NAMES, *PUSH_NAMES]
CONNECTIONS = [1, 32, 128]
START_UP_REPETITIONS = 7
#: Rounds, and seconds of each. Two runs that are shorter may differ by half.
MIN_FOR_VERDICT = 3
#: Memory growth is the memory after all requests, compared with that after the warm-up.
GROWTH_REQUESTS, GROWTH_WARM_UP = 1_000_000, 100_000


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    options = parse(sys.argv[1:])
    with TemporaryDirectory(prefix="bench-") as directory:
        return run(options, Databases(os.environ["DATABASE_URL"]), Path(directory))


def parse(arguments: Sequence[str]) -> Namespace:
    """Return the options; exit with a message if they are invalid."""
    parser = ArgumentParser(prog="script/bench", add_help=False)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=parse_numbers, default=CONNECTIONS)
    parser.add_argument("--only", type=parse_names, default=ALL_NAMES)
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args(arguments)
    if min(options.rounds, options.seconds, *options.connections) < 1:
        parser.error("--rounds, --seconds and --connections must be 1 or more.")
    return options


def parse_numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def parse_names(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in ALL_NAMES]
    if unknown:
        raise ArgumentTypeError(f"there is no {unknown[0]}; see script/bench --help.")
    return names


def run(options: Namespace, databases: Databases, directory: Path) -> int:
    """Measure what the options choose, print the report, and return the exit code.

    After an error the report holds what was measured before it. A part of the report is written to
    RESULTS.md only if everything in it was measured, in rounds that are long enough.
    """
    about = describe_run(options, databases.url)
    results, footprint, code = Results(), Footprint(), 0
    runner = Runner(databases, directory, options.seconds)
    try:
        with runner.serving_backend():
            measure(options, runner, results, footprint)
    except BenchmarkError as error:
        print_progress(f"script/bench: {error}")
        code = 1
    texts = make_report(options, about, results, footprint)
    sys.stdout.write("\n".join(texts.values()))
    complete = {part: text for part, text in texts.items() if is_complete(options, part)}
    if code == 0 and is_long_enough(options) and complete:
        report.write(complete)
        print_progress(f"Written to {report.FILE}")
    return code


def make_report(
    options: Namespace, about: Sequence[str], results: Results, footprint: Footprint
) -> dict[Part, str]:
    """Return the text of each part that the options choose something of."""
    reached = {
        Part.CALLBACKS: [
            *targets.against_peers(results),
            *targets.against_smaller(results),
            *targets.of_footprint(footprint),
        ],
        Part.PUSHES: [*targets.of_pushes(results)],
    }
    return {
        part: report.make(part, about, reached[part] if is_long_enough(options) else [], results)
        for part, names in NAMES.items()
        if set(names) & set(options.only)
    }


def is_long_enough(options: Namespace) -> bool:
    """Return whether the run can show which targets are met."""
    return bool(min(options.rounds, options.seconds) >= MIN_FOR_VERDICT)


def is_complete(options: Namespace, part: Part) -> bool:
    if not set(NAMES[part]) <= set(options.only):
        return False
    return part is Part.PUSHES or (options.connections, options.long) == (CONNECTIONS, True)


def describe_run(options: Namespace, url: str) -> list[str]:
    """Return the paragraphs that say how, when and on which machine the numbers were made."""
    load_average = os.getloadavg()[0]
    command = shlex.join(["script/bench", *sys.argv[1:]])
    rounds = f"medians of {options.rounds} rounds" if options.rounds > 1 else "one round"
    return [
        f"Made by `{command}` on {time.strftime('%Y-%m-%d')}, of commit {commit()}: {rounds}"
        f" of {options.seconds} s each. The contenders take turns in each round."
        f" Load average before: {load_average:.1f}.",
        " · ".join(describe(url)) + ".",
    ]


def measure(options: Namespace, runner: Runner, results: Results, footprint: Footprint) -> None:
    """Add everything that the options choose to `results` and `footprint`."""
    every = [*CONTENDERS, *PUSH_CONTENDERS]
    chosen = [contender for contender in every if contender.name in options.only]
    for template in {contender.template: None for contender in chosen} | {"one": None}:
        print_progress(f"Making the database “{template}”")
        make_template(runner.databases, template, runner.backend_port)
    run_rounds(runner, chosen, options, results)
    measure_footprint(runner, options, footprint)


def run_rounds(
    runner: Runner, chosen: Sequence[Contender], options: Namespace, results: Results
) -> None:
    """Run every contender once a round, so that other load on the machine affects all of them."""
    for number in range(options.rounds):
        for contender in chosen:
            connections = contender.connections or options.connections
            for count, measured in runner.run(contender, connections):
                results.add(contender.name, count, measured)
                load = measured.load
                print_progress(
                    f"Round {number + 1} of {options.rounds}: {contender.name},"
                    f" {count} connections: {load.rate:,.0f}/s,"
                    f" p50 {load.p50:.1f} ms, p99 {load.p99:.1f} ms"
                )


def measure_footprint(runner: Runner, options: Namespace, footprint: Footprint) -> None:
    [ours] = [contender for contender in CONTENDERS if contender.name == "ours"]
    assert isinstance(ours, Server)
    if "start-up" in options.only:
        started = (measure_start_up(runner, ours) for _ in range(START_UP_REPETITIONS))
        footprint.start_up = median(started)
        print_progress(f"Start-up: {footprint.start_up:.2f} s")
    if "memory" in options.only:
        footprint.memory = measure_memory(runner, ours)
        print_progress(f"Resident memory: {footprint.memory:.0f} MB")
    if options.long:
        footprint.growth = measure_growth(runner, ours)


def measure_growth(runner: Runner, ours: Server) -> float:
    """Return the resident memory after GROWTH_REQUESTS, divided by that after GROWTH_WARM_UP."""
    first = last = 0.0
    for answered, last in watch_memory(runner, ours, GROWTH_REQUESTS):
        print_progress(f"Resident memory after {answered:,} requests: {last:.1f} MB")
        first = first or (last if answered >= GROWTH_WARM_UP else 0.0)
    return last / first


def print_progress(line: str) -> None:
    """Print to stderr: stdout is for the report."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
