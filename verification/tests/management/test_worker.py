from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

import pytest
from django.db import connections

from verification.models import Delivery, OfficialAccount
from verification.relay import spool_size
from verification.relay.spool import store
from verification.tests.support.backend import FakeBackend, Received, set_backend
from verification.tests.support.draining import draining, wait_until, worker_process
from verification.tests.support.waiting import states, waiting_push

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _clean(transactional_db: None) -> Iterator[None]:
    spool_size.spool_size.reset()
    yield
    connections.close_all()


def lines(output: str) -> list[dict[str, Any]]:
    """Return the lines of JSON that have an event."""
    records = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return [record for record in records if "event" in record]


def end(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> str:
    process.send_signal(number)
    return process.communicate(timeout=25)[0]


@pytest.mark.postgresql
def test_the_worker_delivers_and_watches_until_sigterm(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    set_backend(brand_a, backend.url, "keep")
    store([waiting_push(brand_a, 1)])
    with worker_process(RELAY_PRIVATE_HOSTS=backend.host) as worker:
        wait_until(lambda: states(brand_a) == ["DELIVERED"], 20)
        started = time.monotonic()
        output = end(worker)

    assert worker.returncode == 0, output
    assert time.monotonic() - started < 5
    events = [line["event"] for line in lines(output)]
    assert events[0] == "worker_started"
    assert "chain_head" in events
    assert events[-1] == "worker_stopped"
    times = [datetime.fromisoformat(line["at"]) for line in lines(output)]
    assert times == sorted(times)


@pytest.mark.postgresql
def test_after_sigterm_it_finishes_what_is_on_its_way_and_takes_no_more(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    set_backend(brand_a, backend.url, "keep")
    arrived = threading.Event()

    def answer(_: Received) -> tuple[int, bytes]:
        arrived.set()
        time.sleep(2)
        return 200, b""

    backend.answer = answer
    store([waiting_push(brand_a, 1), waiting_push(brand_a, 2)])
    with worker_process(RELAY_PRIVATE_HOSTS=backend.host) as worker:
        assert arrived.wait(20)
        output = end(worker)

    assert worker.returncode == 0, output
    assert states(brand_a) == ["DELIVERED", "WAITING"]
    assert Delivery.objects.filter(leased_until__isnull=False).count() == 0


@pytest.mark.postgresql
def test_what_a_killed_worker_was_delivering_is_delivered_again_with_the_same_id(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    set_backend(brand_a, backend.url, "keep")
    is_killed = threading.Event()

    def answer(_: Received) -> tuple[int, bytes]:
        is_killed.wait(10)
        return 200, b""

    backend.answer = answer
    store([waiting_push(brand_a, 1), waiting_push(brand_a, 2)])
    with worker_process(RELAY_PRIVATE_HOSTS=backend.host) as worker:
        wait_until(lambda: bool(backend.received), 20)
        end(worker, signal.SIGKILL)
        is_killed.set()

    with draining(2) as workers:
        workers.wait_until_idle()
        assert len(backend.received) == 1  # the lease of the killed worker still holds
        leased = Delivery.objects.get(leased_until__isnull=False)
        assert leased.last_attempt_at is None
        Delivery.objects.filter(pk=leased.pk).update(leased_until=leased.received_at)
        wait_until(lambda: states(brand_a) == ["DELIVERED"] * 2)

    identities = [received.headers["webhook-id"][-1] for received in backend.received]
    assert identities == ["1", "1", "2"]


@pytest.mark.skipif("postgres" in os.environ.get("DATABASE_URL", ""), reason="SQLite only")
def test_on_sqlite_it_says_that_nothing_is_kept_and_watches() -> None:
    with worker_process() as worker:
        assert worker.stdout is not None
        output = "".join(iter_until(worker.stdout, "chain_head"))
        output += end(worker)

    assert worker.returncode == 0, output
    assert output.count("There is nothing to deliver: messages are kept only on PostgreSQL.") == 1


def iter_until(file: IO[str], words: str) -> Iterator[str]:
    """Yield lines up to the one with these words."""
    for line in file:
        yield line
        if words in line:
            return
