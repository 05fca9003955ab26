"""A time of trouble between gunicorn and its database, and what became of everybody."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from verification.tests.fire.support.crowd import Answer, Crowd
from verification.tests.fire.support.processes import Resources, children, resources
from verification.tests.support.gunicorn import Gunicorn

CLIENTS = 50


class Ordeal(NamedTuple):
    calm: Resources  #: the most that a worker had before
    worst: Resources  #: and during the trouble, and after it
    slowest: float  #: seconds of an answer, from the calm on
    recovery: float  #: seconds to the first 200

    @property
    def is_flat(self) -> bool:
        return (
            self.worst.files <= self.calm.files + 2
            and self.worst.threads <= self.calm.threads + 1
            and self.worst.megabytes <= self.calm.megabytes * 1.1
        )

    def __str__(self) -> str:
        pairs = zip(Resources._fields, self.calm, self.worst, strict=True)
        return ", ".join(f"{name} {calm:.0f} → {worst:.0f}" for name, calm, worst in pairs)


def crowd_of(server: Gunicorn) -> Crowd:
    server.wait_for("Started server process", times=2)
    return Crowd(server.port, clients=CLIENTS, pause=0.1)


def go_through(
    trouble: AbstractContextManager[None], server: Gunicorn, crowd: Crowd, *, seconds: float
) -> Ordeal:
    for _ in range(20):  # until everybody has a connection, and memory has settled
        crowd.wait_for(200, since=time.monotonic())
    workers = children(server.process.pid)
    begun = time.monotonic()
    calm = watch(workers, 1)
    with trouble:
        during = watch(workers, seconds)
    ended = time.monotonic()
    recovery = crowd.wait_for(200, since=ended).ended - ended
    after = watch(workers, 1)
    assert children(server.process.pid) == workers  # nobody was replaced
    slowest = max(answer.seconds for answer in crowd.answers[:] if answer.begun >= begun)
    return Ordeal(calm, most([during, after]), slowest, recovery)


def watch(workers: Iterable[int], seconds: float) -> Resources:
    samples: list[Resources] = []
    end = time.monotonic() + seconds
    while not samples or time.monotonic() < end:
        samples += map(resources, workers)
        time.sleep(0.1)
    return most(samples)


def most(samples: Iterable[Resources]) -> Resources:
    return Resources(*map(max, zip(*samples, strict=True)))


def unrecorded(lines: Iterable[str]) -> list[str]:
    """Request ids of the witnesses on stdout."""
    return sorted(record["request_id"] for record in unrecorded_lines(lines))


def unrecorded_lines(lines: Iterable[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines if line.startswith('{"event": "attempt_unrec')]


def told_to_try_again(answers: Iterable[Answer]) -> list[str]:
    return sorted(str(answer.request.id) for answer in answers if answer.status == 503)
