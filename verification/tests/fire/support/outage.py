"""Measures an outage of the database under load: resources, slowest answer, and recovery."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from verification.tests.fire.support.load_generator import Answer, LoadGenerator
from verification.tests.fire.support.processes import Resources, children, resources
from verification.tests.support.gunicorn import Gunicorn

CLIENTS = 50


class Outage(NamedTuple):
    baseline: Resources  #: the most that a worker used before the outage
    peak: Resources  #: the most that a worker used during the outage and after it
    slowest: float  #: seconds of the slowest answer
    recovery: float  #: seconds from the end of the outage to the first 200

    @property
    def is_flat(self) -> bool:
        return (
            self.peak.files <= self.baseline.files + 2
            and self.peak.threads <= self.baseline.threads + 1
            and self.peak.megabytes <= self.baseline.megabytes * 1.1
        )

    def __str__(self) -> str:
        pairs = zip(Resources._fields, self.baseline, self.peak, strict=True)
        return ", ".join(f"{name} {baseline:.0f} → {peak:.0f}" for name, baseline, peak in pairs)


def start_load_on(server: Gunicorn) -> LoadGenerator:
    server.wait_for("Started server process", times=2)
    return LoadGenerator(server.port, clients=CLIENTS, pause=0.1)


def measure_outage(
    fault: AbstractContextManager[None], server: Gunicorn, load: LoadGenerator, *, seconds: float
) -> Outage:
    """Inject the fault for `seconds` while the load goes on; assert that no worker is replaced."""
    for _ in range(20):  # until every client has a connection, and memory has settled
        load.wait_for(200, since=time.monotonic())
    workers = children(server.process.pid)
    begun = time.monotonic()
    baseline = watch(workers, 1)
    with fault:
        during = watch(workers, seconds)
    ended = time.monotonic()
    recovery = load.wait_for(200, since=ended).ended - ended
    after = watch(workers, 1)
    assert children(server.process.pid) == workers  # none was replaced
    slowest = max(answer.seconds for answer in load.answers[:] if answer.begun >= begun)
    return Outage(baseline, maximum([during, after]), slowest, recovery)


def watch(workers: Iterable[int], seconds: float) -> Resources:
    samples: list[Resources] = []
    end = time.monotonic() + seconds
    while not samples or time.monotonic() < end:
        samples += map(resources, workers)
        time.sleep(0.1)
    return maximum(samples)


def maximum(samples: Iterable[Resources]) -> Resources:
    return Resources(*map(max, zip(*samples, strict=True)))


def unrecorded_ids(lines: Iterable[str]) -> list[str]:
    """Return the request ids of the callbacks that the log lines report as unrecorded."""
    return sorted(event["request_id"] for event in unrecorded_events(lines))


def unrecorded_events(lines: Iterable[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines if line.startswith('{"event": "attempt_unrec')]


def refused_ids(answers: Iterable[Answer]) -> list[str]:
    return sorted(str(answer.request.id) for answer in answers if answer.status == 503)
