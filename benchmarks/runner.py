"""Runs one contender: its database, its processes, the load, and the proof that it did the work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from benchmarks import load, pgbench
from benchmarks.contenders import BACKEND, Contender, PgBench, Server
from benchmarks.databases import Databases, postmaster_of, query
from benchmarks.errors import BenchmarkError
from benchmarks.load import Load
from benchmarks.processes import (
    Process,
    fetch,
    free_port,
    process_of,
    processor_seconds,
    wait_for_answer,
)
from benchmarks.signed_requests import MESSAGE, signed_targets, write_targets
from benchmarks.templates import manage

#: Requests signed for each second of load; no contender answers more.
MAX_RATE = 150_000
WARM_UP = 32, 2  #: connections, seconds


class Measured(NamedTuple):
    load: Load
    server_cpu: float  #: microseconds of processor time a request, in the server's processes
    database_cpu: float  #: the same in PostgreSQL's processes


class Running(NamedTuple):
    """A server that has answered its first request."""

    process: Process
    port: int
    started_in: float  #: seconds from exec to the first answer


class Runner:
    """Runs contenders on copies of template databases, `seconds` for each number of connections."""

    def __init__(self, databases: Databases, directory: Path, seconds: int) -> None:
        self.databases, self.directory, self.seconds = databases, directory, seconds
        self.backend_port = free_port()

    @contextmanager
    def serving_backend(self) -> Iterator[None]:
        """Run the backend that all contenders pass message pushes on to."""
        command = [part.format(port=self.backend_port) for part in BACKEND.command]
        output = self.directory / "backend"
        with process_of(command, BACKEND.environment, output) as process:
            wait_for_answer(process, self.backend_port, "/", output, MESSAGE)
            yield

    def run(
        self, contender: Contender, connections: Sequence[int]
    ) -> Iterator[tuple[int, Measured]]:
        """Yield each number of connections with what was measured.

        Raises BenchmarkError if the contender did not do the work it is measured for.
        """
        with self.databases.copy_of(contender.template) as url:
            if isinstance(contender, Server):
                yield from self.run_server(contender, url, connections)
            elif isinstance(contender, PgBench):
                yield from self.run_pgbench(contender, url, connections)

    def run_pgbench(
        self, contender: PgBench, url: str, connections: Sequence[int]
    ) -> Iterator[tuple[int, Measured]]:
        if contender.setup:
            query(url, contender.setup)
        for number in connections:
            postmaster = postmaster_of(url)
            before = processor_seconds(postmaster)
            result = pgbench.run(url, contender.script, self.directory, number, self.seconds)
            used = processor_seconds(postmaster) - before
            yield number, Measured(result, 0, used / result.answered * 1e6)

    def run_server(
        self, server: Server, url: str, connections: Sequence[int]
    ) -> Iterator[tuple[int, Measured]]:
        with self.serving(server, url) as running:
            self.send(server, running.port, *WARM_UP)
            for number in connections:
                yield number, self.measure(server, running, url, number)
        if server.is_gateway:
            manage(url, "manage.py", "verify_audit")

    @contextmanager
    def serving(self, server: Server, url: str) -> Iterator[Running]:
        """Start the server, and check that it accepts a signed request and refuses a forged one."""
        port, output = free_port(), self.directory / "output"
        ports = {"port": port, "backend": self.backend_port}
        command = [part.format(**ports) for part in server.command]
        environment = {name: text.format(**ports) for name, text in server.environment.items()}
        environment |= {"PORT": str(port), "DATABASE_URL": url}
        [target] = islice(self.targets_of(server), 1)
        body = MESSAGE.format(id=0) if server.is_sent_pushes else ""
        started = time.perf_counter()
        with process_of(command, environment, output) as process:
            answer = wait_for_answer(process, port, target, output, body).decode()
            running = Running(process, port, time.perf_counter() - started)
            if server.is_sent_pushes and answer != "success":
                raise BenchmarkError(f"{server.name} does not hand back the backend's reply.")
            if not server.is_sent_pushes and f"echostr={answer}&" not in target:
                raise BenchmarkError(f"{server.name} does not return the echostr.")
            forged_status, _ = fetch(port, target.replace("nonce=", "nonce=0"), body)
            if server.checks_signatures and forged_status != 403:
                raise BenchmarkError(f"{server.name} does not check signatures.")
            yield running

    def targets_of(self, server: Server) -> Iterator[str]:
        return signed_targets(server.callers, are_pushes=server.is_sent_pushes)

    def send(self, server: Server, port: int, connections: int, seconds: int) -> Load:
        """Sign the requests first, then send them for `seconds`."""
        targets = self.directory / "targets"
        write_targets(targets, self.targets_of(server), MAX_RATE * seconds)
        body = MESSAGE if server.is_sent_pushes else ""
        return load.send(port, targets, body, connections=connections, seconds=seconds)

    def measure(self, server: Server, running: Running, url: str, connections: int) -> Measured:
        roots = running.process.pid, postmaster_of(url)
        before, used = settled_count(server, url), [*map(processor_seconds, roots)]
        result = self.send(server, running.port, connections, self.seconds)
        server_cpu, database_cpu = (
            (processor_seconds(root) - start) / result.answered * 1e6
            for root, start in zip(roots, used, strict=True)
        )
        if server.count_sql:
            recorded = settled_count(server, url) - before
            check_count(server, recorded, result.answered, connections)
        return Measured(result, server_cpu, database_cpu)


def settled_count(server: Server, url: str) -> int:
    """Return the number of recorded requests, once it no longer changes.

    When wrk stops, requests are still in progress; the server records those, too.
    """
    last, now = -1, 0
    while server.count_sql and last != now:
        time.sleep(0.5)
        last, now = now, int(query(url, server.count_sql)[0][0])
    return now


def check_count(server: Server, recorded: int, answered: int, in_progress: int) -> None:
    """Raise BenchmarkError unless each answered request has a row of its own.

    Requests that were in progress when wrk stopped may have rows as well.
    """
    if not answered <= recorded <= answered + in_progress:
        raise BenchmarkError(
            f"{server.name} answered {answered:,} requests and recorded {recorded:,}."
        )
