"""Run workers on the test database: in threads of this process, or as processes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from django.conf import settings

from verification.relay.client import BackendClient
from verification.relay.drain import Drain
from verification.tests.support.checkout import on_test_database


@contextmanager
def draining(workers: int = 1) -> Iterator[None]:
    """Deliver what waits while the block runs."""
    with ExitStack() as stack:
        for _ in range(workers):
            stack.enter_context(_draining())
        yield


@contextmanager
def _draining() -> Iterator[None]:
    started = threading.Event()
    running: list[tuple[asyncio.AbstractEventLoop, Drain]] = []

    async def drain() -> None:
        running.append((asyncio.get_running_loop(), Drain(BackendClient())))
        started.set()
        await running[0][1].run()

    thread = threading.Thread(target=asyncio.run, args=[drain()])
    thread.start()
    started.wait()
    try:
        yield
    finally:
        loop, worker = running[0]
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
