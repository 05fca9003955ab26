"""One contestant's turn: its database, its processes, the load, and proof that it did the work."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from benchmarks import load, pgbench
from benchmarks.contestants import Contestant, PgBench, Server
from benchmarks.databases import Databases, postmaster_of, query
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
from benchmarks.trouble import Trouble

#: No server here answers more a second; so many requests are signed for each second of load.
FASTEST = 60_000
WARM_UP = 32, 2  #: connections, seconds


class Measured(NamedTuple):
    load: Load
    server_cpu: float  #: microseconds of processor time that a request took of the server
    database_cpu: float  #: and of PostgreSQL


class Running(NamedTuple):
    process: Process
    port: int
    started_in: float  #: seconds from exec to the first answer


class Turn:
    def __init__(self, databases: Databases, place: Path, seconds: int) -> None:
        self.databases, self.place, self.seconds = databases, place, seconds

    def take(
        self, contestant: Contestant, connections: Sequence[int]
    ) -> Iterator[tuple[int, Measured]]:
        with self.databases.copy_of(contestant.template) as url:
            if isinstance(contestant, Server):
                yield from self.of_server(contestant, url, connections)
            elif isinstance(contestant, PgBench):
                yield from self.of_pgbench(contestant, url, connections)

    def of_pgbench(
        self, contestant: PgBench, url: str, connections: Sequence[int]
    ) -> Iterator[tuple[int, Measured]]:
        if contestant.before:
            query(url, contestant.before)
        for number in connections:
            postmaster = postmaster_of(url)
            used = processor_seconds(postmaster)
            result = pgbench.run(url, contestant.script, self.place, number, self.seconds)
            used = processor_seconds(postmaster) - used
            yield number, Measured(result, 0, used / result.answered * 1e6)

    def of_server(
        self, server: Server, url: str, connections: Sequence[int]
    ) -> Iterator[tuple[int, Measured]]:
        with self.serving(server, url) as running:
            self.send(server, running.port, *WARM_UP)
            for number in connections:
                yield number, self.measure(server, running, url, number)
        if server.is_ours:
            manage(url, "manage.py", "verify_audit")

    @contextmanager
    def serving(self, server: Server, url: str) -> Iterator[Running]:
        port, output = free_port(), self.place / "output"
        command = [part.format(port=port) for part in server.command]
        environment = server.environment | {"PORT": str(port), "DATABASE_URL": url}
        [target] = islice(signed_targets(server.callers), 1)
        started = time.perf_counter()
        with process_of(command, environment, output) as process:
            body = wait_for_answer(process, port, target, output)
            running = Running(process, port, time.perf_counter() - started)
            forged, _ = get(port, target.replace("nonce=", "nonce=0"))
            if f"echostr={body.decode()}&" not in target or forged != 403:
                raise Trouble(f"{server.name} does not check signatures.")
            yield running

    def send(self, server: Server, port: int, connections: int, seconds: int) -> Load:
        targets = self.place / "targets"
        write_targets(targets, server.callers, FASTEST * seconds)
        return load.send(port, targets, connections=connections, seconds=seconds)

    def measure(self, server: Server, running: Running, url: str, connections: int) -> Measured:
        roots = running.process.pid, postmaster_of(url)
        before, used = settled_count(server, url), [*map(processor_seconds, roots)]
        result = self.send(server, running.port, connections, self.seconds)
        by_server, by_database = (
            (processor_seconds(root) - start) / result.answered * 1e6
            for root, start in zip(roots, used, strict=True)
        )
        if server.counts:
            recorded = settled_count(server, url) - before
            check_count(server, recorded, result.answered, connections)
        return Measured(result, by_server, by_database)


def settled_count(server: Server, url: str) -> int:
    """How much it has recorded, once what was under way when wrk stopped is recorded too."""
    last, now = -1, 0
    while server.counts and last != now:
        time.sleep(0.5)
        last, now = now, int(query(url, server.counts)[0][0])
    return now


def check_count(server: Server, recorded: int, answered: int, under_way: int) -> None:
    """Each answer has a row of its own; so may have what wrk no longer waited for."""
    if not answered <= recorded <= answered + under_way:
        raise Trouble(f"{server.name} answered {answered:,} requests and recorded {recorded:,}.")
