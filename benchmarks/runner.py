"""Runs one contender: its database, its processes, the load, and the proof that it did the work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from benchmarks import load, pgbench
from benchmarks.contenders import Contender, PgBench, Server
from benchmarks.databases import Databases, postmaster_of, query
from benchmarks.errors import BenchmarkError
from benchmarks.load import Load
from benchmarks.processes import (
    Process,
    free_port,
    get,
    process_of,
    processor_seconds,
    wait_for_answer,
)
from benchmarks.signed_requests import signed_targets, write_targets
from benchmarks.templates import manage

#: Requests signed for each second of load; no contender answers more.
MAX_RATE = 60_000
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
        command = [part.format(port=port) for part in server.command]
        environment = server.environment | {"PORT": str(port), "DATABASE_URL": url}
        [target] = islice(signed_targets(server.callers), 1)
        started = time.perf_counter()
        with process_of(command, environment, output) as process:
            body = wait_for_answer(process, port, target, output)
            running = Running(process, port, time.perf_counter() - started)
            forged_status, _ = get(port, target.replace("nonce=", "nonce=0"))
            if f"echostr={body.decode()}&" not in target or forged_status != 403:
                raise BenchmarkError(f"{server.name} does not check signatures.")
            yield running

    def send(self, server: Server, port: int, connections: int, seconds: int) -> Load:
        """Sign the requests first, then send them for `seconds`."""
        targets = self.directory / "targets"
        write_targets(targets, server.callers, MAX_RATE * seconds)
        return load.send(port, targets, connections=connections, seconds=seconds)

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
