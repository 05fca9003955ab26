#!/usr/bin/env python3
"""Whether recording slows down as the log grows: a small and a large log, in turns.

    benchmarks/recording_by_size.py SMALL_DATABASE_URL LARGE_DATABASE_URL [--pairs 100]

Both are databases of one PostgreSQL, filled by `python -m benchmarks.sample_log`. A process for
each records a short run when told to; of each pair a coin says which comes first, so that what else
the machine does X measurements, by the clock and by processor time. Leaves its attempts behind.
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

#: Attempts of a batch, and batches of a run.
BATCH, BATCHES = 20, 25


class Run(NamedTuple):
    clock: float
    processor: float


class Recorder:
    """A process that records in one database."""

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
    it = Recorder(url)
    try:
        it.run()  # the first prepares what all later ones have
        yield it
    finally:
        it.process.terminate()
        it.process.wait()


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("small")
    parser.add_argument("large")
    parser.add_argument("--pairs", type=int, default=100)
    asked = parser.parse_args()
    with ExitStack() as stack:
        small, large = (stack.enter_context(recorder(it)) for it in (asked.small, asked.large))
        pairs = [measure(small, large) for _ in range(asked.pairs)]
    say("| | small | large | large : small, of pairs | 95 % |\n|---|--:|--:|--:|--:|\n")
    for name in Run._fields:
        say_ratio(name, [(getattr(a, name), getattr(b, name)) for a, b in pairs])


def measure(small: Recorder, large: Recorder) -> tuple[Run, Run]:
    if random.random() < 0.5:
        return small.run(), large.run()
    second = large.run()
    return small.run(), second


def say_ratio(name: str, pairs: list[tuple[float, float]]) -> None:
    ratios = sorted(large / small for small, large in pairs)
    low, high = interval(len(ratios))
    each = [1e6 * statistics.median(it) / (BATCH * BATCHES) for it in zip(*pairs, strict=True)]
    say(
        f"| {name}, µs an attempt | {each[0]:.1f} | {each[1]:.1f} "
        f"| {statistics.median(ratios):.3f} | {ratios[low]:.3f} – {ratios[high]:.3f} |\n"
    )


def interval(count: int) -> tuple[int, int]:
    """Places, among so many sorted values, that have the median between them 95 times of 100."""
    missed, place = 0.0, 0
    while missed + comb(count, place) / 2**count <= 0.025:
        missed += comb(count, place) / 2**count
        place += 1
    return max(place - 1, 0), min(count - place, count - 1)


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


# --- In the process that records


def record_when_told() -> None:
    import benchmarks.audit_log  # noqa: F401 - sets Django up
    from benchmarks.processor_time import processor_seconds
    from verification.callbacks.recording import verify
    from verification.models import Token

    sampled = Token.objects.filter(account__slug__startswith="sample-", superseded_at=None)
    accounts = [
        (token.account.slug, token.secret.reveal())
        for token in sampled.select_related("account")
        if token.secret
    ]
    logging.disable()
    for _ in sys.stdin:
        run = [[make_up_call(accounts) for _ in range(BATCH)] for _ in range(BATCHES)]
        clock, processor = time.perf_counter(), processor_seconds()
        for batch in run:
            verify(batch)
        say(f"{time.perf_counter() - clock} {processor_seconds() - processor}\n")


def make_up_call(accounts: list[tuple[str, str]]) -> Callback:
    """From one of the many addresses of the made-up log, and none a repetition."""
    from verification.tests.support.callback_factory import make_callback
    from verification.tests.support.signer import verification

    slug, token = random.choice(accounts)
    peer = f"81.69.{random.randrange(256)}.{random.randrange(1, 255)}"
    nonce = str(random.randrange(10**10))
    return make_callback(verification(token, nonce=nonce), f"/wechat/{slug}".encode(), peer=peer)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    record_when_told() if sys.argv[1:] == ["--record"] else main()
