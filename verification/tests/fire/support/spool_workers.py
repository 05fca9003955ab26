"""Runs several `manage.py worker`, kills them, and starts others in their place."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from verification.tests.fire.support.postgresql_server import ROOT
from verification.tests.support.checkout import LOCAL


class Kill(NamedTuple):
    at: float
    ports: set[int]  #: of the connections that the worker had


class SpoolWorkers:
    def __init__(self, output: Path, **environment: str) -> None:
        self.output = output
        self.environment = {"PATH": os.environ["PATH"], **LOCAL, **environment}
        self.running: list[subprocess.Popen[bytes]] = []
        self.started = 0
        self.kills: list[Kill] = []

    def start(self, number: int = 1) -> None:
        self.started += number
        with self.output.open("ab") as log:
            self.running += [
                subprocess.Popen(
                    [sys.executable, "manage.py", "worker"],
                    cwd=ROOT,
                    env=self.environment,
                    stdout=log,
                    stderr=log,
                )
                for _ in range(number)
            ]

    def kill_one(self) -> None:
        """Kill the oldest of them with -9, and start another."""
        worker = self.running.pop(0)
        # It is stopped first, so that it opens no connection after they have been listed.
        worker.send_signal(signal.SIGSTOP)
        ports = ports_of(worker.pid)
        worker.kill()
        worker.wait()
        self.kills.append(Kill(time.monotonic(), ports))
        self.start()

    def wait_until_started(self) -> None:
        """Wait until all are at work: a slow machine would kill others before they ever are."""
        for _ in range(1200):
            if self.output.read_text().count("worker_started") >= self.started:
                return
            time.sleep(0.05)
        raise AssertionError(f"The workers did not start:\n{self.output.read_text()}")

    def stop(self) -> None:
        """Let them finish what is on its way."""
        for worker in self.running:
            worker.terminate()
        for worker in self.running:
            worker.wait(timeout=60)
        self.running.clear()


def ports_of(pid: int) -> set[int]:
    """Return the local ports of a process's TCP connections."""
    inodes = set()
    for file in Path(f"/proc/{pid}/fd").iterdir():
        if match := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(file)):
            inodes.add(match[1])
    fields = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {int(field[1].partition(":")[2], 16) for field in fields if field[9] in inodes}


@contextmanager
def spool_workers(output: Path, number: int, **environment: str) -> Iterator[SpoolWorkers]:
    workers = SpoolWorkers(output, **environment)
    workers.start(number)
    try:
        workers.wait_until_started()
        yield workers
    finally:
        for worker in workers.running:
            worker.kill()
            worker.wait()
