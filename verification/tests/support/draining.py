"""Run workers on the test database: in threads of this process, or as processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

from django.conf import settings

from verification.relay import drain
from verification.relay.client import BackendClient
from verification.relay.drain import Drain
from verification.tests.support.checkout import on_test_database

#: Seconds between two looks for messages that are due.
POLL_INTERVAL = 0.1


class CountingDrain(Drain):
    """Counts the looks for messages during which it delivers none."""

    idle_looks = 0

    async def find_accounts(self) -> list[int]:
        found = await super().find_accounts()
        if not self.accounts:
            self.idle_looks += 1
        return found


class Workers(list[CountingDrain]):
    def wait_until_idle(self) -> None:
        """Wait until each worker has looked for messages that are due now, and delivered them.

        The first of three looks may have begun before. What the second finds has ended at the
        third.
        """
        goals = [worker.idle_looks + 3 for worker in self]
        wait_until(
            lambda: all(worker.idle_looks >= goal for worker, goal in zip(self, goals, strict=True))
        )


@contextmanager
def draining(count: int = 1) -> Iterator[Workers]:
    """Deliver what waits while the block runs."""
    with ExitStack() as stack, patch.object(drain, "POLL_INTERVAL", POLL_INTERVAL):
        yield Workers(stack.enter_context(_draining()) for _ in range(count))


@contextmanager
def _draining() -> Iterator[CountingDrain]:
    started = threading.Event()
    running: list[tuple[asyncio.AbstractEventLoop, CountingDrain]] = []

    async def run() -> None:
        running.append((asyncio.get_running_loop(), CountingDrain(BackendClient())))
        started.set()
        await running[0][1].run()

    thread = threading.Thread(target=asyncio.run, args=[run()])
    thread.start()
    started.wait()
    loop, worker = running[0]
    try:
        yield worker
    finally:
        loop.call_soon_threadsafe(worker.stop)
        thread.join()


@contextmanager
def worker_process(**environment: str) -> Iterator[subprocess.Popen[str]]:
    """Run `manage.py worker` until the block ends, if it has not ended before."""
    process = subprocess.Popen(
        [sys.executable, "manage.py", "worker"],
        cwd=settings.BASE_DIR,
        env=on_test_database(**environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "It did not happen in time."
        time.sleep(0.02)
