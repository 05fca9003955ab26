from __future__ import annotations

import time
from pathlib import Path

import pytest

from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.delivery_comparison import Faults, compare
from verification.tests.fire.support.followers import Followers
from verification.tests.fire.support.postgresql_server import (
    PostgreSQLServer,
    execute,
    manage,
    query_number,
)
from verification.tests.fire.support.recording_backend import RecordingBackend, recording_backend
from verification.tests.fire.support.run_length import LONG, short_or_long
from verification.tests.fire.support.spool_workers import SpoolWorkers, spool_workers
from verification.tests.support.gunicorn import running_gunicorn

pytestmark = [pytest.mark.postgresql, pytest.mark.process]

PUSHES = short_or_long(400, 200_000)
CLIENTS, FOLLOWERS = short_or_long(16, 64), short_or_long(80, 5_000)
#: Seconds that a follower's client waits after an answer, so that the short form takes seconds.
PAUSE = 0 if LONG else 0.1
BACKEND_STOPS, DATABASE_STOPS = short_or_long(1, 20), short_or_long(1, 2)
WORKERS = short_or_long(2, 4)
#: Seconds that the backend is away, and between two kills of a worker.
OUTAGE, KILL_INTERVAL = short_or_long(1, 3), short_or_long(2, 1)
#: Seconds for which workers are killed when all messages have been sent.
DRAIN_WITH_KILLS = short_or_long(0, 30)
WAITING = "SELECT count(*) FROM verification_delivery WHERE state = 1"
STORED = "SELECT count(*) FROM verification_delivery"
#: Takes the time forward to the end of leases, delays and open circuits.
PASS_TIME = (
    "UPDATE verification_delivery SET due_at = now(), leased_until = NULL WHERE state = 1;"
    "UPDATE verification_backend SET next_probe_at = now() WHERE next_probe_at IS NOT NULL"
)


class FaultInjector:
    """Stops the backend and PostgreSQL, and kills workers, while followers write."""

    def __init__(
        self, backend: RecordingBackend, workers: SpoolWorkers, postgresql: PostgreSQLServer
    ) -> None:
        self.backend, self.workers, self.postgresql = backend, workers, postgresql
        self.database_stops: list[float] = []

    @property
    def faults(self) -> Faults:
        return Faults([*self.workers.kills], [*self.backend.stops], self.database_stops)

    def inject(self, load: Followers) -> None:
        """Distribute the stops over the load, and kill a worker each second in between."""
        for number in range(1, BACKEND_STOPS + 1):
            self.kill_workers_until(load, PUSHES * number // (BACKEND_STOPS + 1))
            load.release(PUSHES * (number + 1) // (BACKEND_STOPS + 1))
            self.stop_backend()
            if number % (BACKEND_STOPS // DATABASE_STOPS) == 0:
                self.restart_postgresql()
            if number < BACKEND_STOPS:  # Otherwise it would be stopped before it is tried again.
                self.backend.wait_for_receipt(since=self.backend_started)
        self.kill_workers_until(load, PUSHES)

    def kill_workers_until(self, load: Followers, number: int) -> None:
        load.release(number)
        while load.is_running and len(load.sent) < number:
            self.kill_a_worker()
            load.wait_for_progress(number, seconds=KILL_INTERVAL)

    def kill_workers_for(self, seconds: float) -> None:
        """Kill workers while they deliver what is left."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.kill_a_worker()
            time.sleep(KILL_INTERVAL)

    def kill_a_worker(self) -> None:
        self.workers.wait_until_started()
        self.workers.kill_one()

    def stop_backend(self) -> None:
        self.backend.kill()
        end = time.monotonic() + OUTAGE
        while time.monotonic() < end:
            time.sleep(KILL_INTERVAL)
            self.kill_a_worker()
        self.backend.start()
        self.backend_started = time.monotonic()

    def restart_postgresql(self) -> None:
        self.database_stops.append(time.monotonic())
        self.postgresql.stop_immediately()
        time.sleep(1)
        self.postgresql.start()


# 200,000 messages take some ten minutes.
def test_messages_reach_the_backend_in_order_whatever_fails(
    postgresql: PostgreSQLServer, tmp_path: Path, figure: RecordFigure
) -> None:
    url = postgresql.url()
    with recording_backend(tmp_path / "receipts") as backend:
        hosts = backend.host
        command = ["set_backend", "brand-a", backend.url, "--on-failure=keep"]
        manage(url, *command, RELAY_PRIVATE_HOSTS=hosts)
        with (
            running_gunicorn(
                tmp_path / "output", DATABASE_URL=url, RELAY_PRIVATE_HOSTS=hosts
            ) as server,
            spool_workers(
                tmp_path / "workers", WORKERS, DATABASE_URL=url, RELAY_PRIVATE_HOSTS=hosts
            ) as workers,
        ):
            server.wait_for("Started server process", times=2)
            injector = FaultInjector(backend, workers, postgresql)
            with Followers(
                server.port, clients=CLIENTS, followers=FOLLOWERS, limit=PUSHES, pause=PAUSE
            ) as load:
                injector.inject(load)
            injector.kill_workers_for(DRAIN_WITH_KILLS)
            drain(workers, url, seconds=short_or_long(20, 300))
        faults = injector.faults
        compared = compare(load.sent, backend.receipts(), faults)
    stored = query_number(url, STORED)

    figure(
        "Every message that was answered with success reaches the backend, in the order of its "
        "follower, although backend, workers and PostgreSQL are killed",
        target="0 lost, 0 out of order; sent twice only if a kill or a timeout left open whether "
        "the backend had got it",
        measured=f"{compared}; {faults}; {stored:,} of {len(load.sent):,} messages were stored",
        is_met=compared.is_met,
    )
    assert compared.is_met, compared
    assert not compared.late_repeats
    assert compared.answered > 0.9 * PUSHES
    assert stored > 0
    assert "is intact" in manage(url, "verify_audit")


def drain(workers: SpoolWorkers, url: str, *, seconds: float) -> None:
    """Wait until nothing waits. The short form does not wait for the leases of killed workers."""
    if not LONG:
        workers.stop()
        execute(url, PASS_TIME)
        workers.start()
    deadline = time.monotonic() + seconds
    while query_number(url, WAITING) and time.monotonic() < deadline:
        time.sleep(0.2)
    workers.stop()
