#!/usr/bin/env python3
"""Measure whether recording slows down as the log grows, with a small and a large log.

    benchmarks/recording_by_size.py SMALL_DATABASE_URL LARGE_DATABASE_URL [--pairs 100]

Both must be databases of one PostgreSQL, filled by `python -m benchmarks.sample_log`. Each has a
recording process. Pairs of short runs alternate between the two in random order, so that other
load on the machine affects both alike. Prints elapsed time and processor time. The attempts that
are recorded stay in the databases.
"""

from __future__ import annotations

import logging
import os
import random
import statistics
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from verification.protocol.callback import Callback

#: Attempts in a batch, and batches in a run.
BATCH_SIZE, BATCHES = 20, 25


class Run(NamedTuple):
    """Holds the seconds that a run took."""

    elapsed: float
    processor: float


class Recorder:
    """A process that records in one database, a run each time that it reads a line."""

    def __init__(self, url: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--record"],
            env={**os.environ, "DATABASE_URL": url},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self) -> Run:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return Run(*map(float, self.process.stdout.readline().split()))


@contextmanager
def recorder(url: str) -> Iterator[Recorder]:
    """Start a recorder, warm it up, and stop it afterwards."""
    started = Recorder(url)
    try:
        started.run()  # the first run connects, and fills caches
        yield started
    finally:
        started.process.terminate()
        started.process.wait()


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("small")
    parser.add_argument("large")
    parser.add_argument("--pairs", type=int, default=100)
    options = parser.parse_args()
    with ExitStack() as stack:
        small, large = (
            stack.enter_context(recorder(url)) for url in (options.small, options.large)
        )
        pairs = [measure_pair(small, large) for _ in range(options.pairs)]
    write("| | small | large | large ÷ small, median of pairs | 95 % |\n|---|--:|--:|--:|--:|\n")
    for name in Run._fields:
        write_ratio(name, [(getattr(a, name), getattr(b, name)) for a, b in pairs])


def measure_pair(small: Recorder, large: Recorder) -> tuple[Run, Run]:
    """Run both in random order; return the run of `small` first."""
    if random.random() < 0.5:
        return small.run(), large.run()
    second = large.run()
    return small.run(), second


def write_ratio(name: str, pairs: list[tuple[float, float]]) -> None:
    ratios = sorted(large / small for small, large in pairs)
    low, high = confidence_interval(len(ratios))
    small, large = (
        1e6 * statistics.median(seconds) / (BATCH_SIZE * BATCHES)
        for seconds in zip(*pairs, strict=True)
    )
    write(
        f"| {name}, µs an attempt | {small:.1f} | {large:.1f} "
        f"| {statistics.median(ratios):.3f} | {ratios[low]:.3f} – {ratios[high]:.3f} |\n"
    )


def confidence_interval(count: int) -> tuple[int, int]:
    """Return two indexes into `count` sorted values: the 95 % confidence interval of the median."""
    outside, index = 0.0, 0
    while outside + comb(count, index) / 2**count <= 0.025:
        outside += comb(count, index) / 2**count
        index += 1
    return max(index - 1, 0), min(count - index, count - 1)


def write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


# --- In the process that records


def record_on_each_line() -> None:
    """Record one run for each line of stdin, and print its seconds."""
    import benchmarks.audit_log  # noqa: F401 - sets Django up
    from benchmarks.processor_time import processor_seconds
    from verification.callbacks.recording import verify
    from verification.models import Token

    tokens = Token.objects.filter(account__slug__startswith="sample-", superseded_at=None)
    accounts = [
        (token.account.slug, token.secret.reveal())
        for token in tokens.select_related("account")
        if token.secret
    ]
    logging.disable()
    for _ in sys.stdin:
        batches = [[make_call(accounts) for _ in range(BATCH_SIZE)] for _ in range(BATCHES)]
        clock, processor = time.perf_counter(), processor_seconds()
        for batch in batches:
            verify(batch)
        write(f"{time.perf_counter() - clock} {processor_seconds() - processor}\n")


def make_call(accounts: list[tuple[str, str]]) -> Callback:
    """Return a callback with a nonce of its own, from one of the addresses of the sample log."""
    from verification.tests.support.callback_factory import make_callback
    from verification.tests.support.signer import verification

    slug, token = random.choice(accounts)
    peer = f"81.69.{random.randrange(256)}.{random.randrange(1, 255)}"
    nonce = str(random.randrange(10**10))
    return make_callback(verification(token, nonce=nonce), f"/wechat/{slug}".encode(), peer=peer)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    record_on_each_line() if sys.argv[1:] == ["--record"] else main()
