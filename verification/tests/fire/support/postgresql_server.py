"""Starts a PostgreSQL for one test, as script/with_postgres.py does, to stop or freeze it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg2
from django.conf import settings

from script.with_postgres import Cluster, find_binaries
from verification.tests.fire.support.processes import children
from verification.tests.support.checkout import LOCAL
from verification.tests.support.gunicorn import free_port

ROOT = Path(settings.BASE_DIR)


class PostgreSQLServer:
    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        # Commits wait for the disk, as in production.
        self.cluster = Cluster(find_binaries(), directory, is_durable=True)
        self.cluster.initialise(self.port)
        self.start()

    def url(self, database: str = "gateway") -> str:
        return f"postgres://gateway@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Start the server, and wait until it accepts connections."""
        self.server: subprocess.Popen[str] = self.cluster.start("postgres", "-D", "data")
        self.cluster.wait_until_ready(self.server)

    def stop_immediately(self) -> None:
        """Stop without a checkpoint and close every connection: the next start is a recovery."""
        self.server.send_signal(signal.SIGQUIT)
        self.server.communicate()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop all its processes: the kernel still accepts connections, but nothing answers."""
        pids = [self.server.pid]
        os.kill(self.server.pid, signal.SIGSTOP)  # first, so that it starts no other process
        try:
            for pid in children(self.server.pid):
                pids.append(pid)
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in reversed(pids):
                os.kill(pid, signal.SIGCONT)

    def schema(self, database: str = "gateway") -> str:
        """Return the statements with which pg_dump would create the schema."""
        file = f"schema-{database}.sql"
        self.call("pg_dump", "--schema-only", f"--file={file}", self.url(database))
        lines = (self.cluster.directory / file).read_text().splitlines()
        return "\n".join(line for line in lines if not line.startswith(("\\", "--")))

    def call(self, program: str, *arguments: str) -> None:
        """Run a program of PostgreSQL, such as pg_dump, in the server's directory."""
        self.cluster.run(program, *arguments)


@contextmanager
def running_postgresql() -> Iterator[PostgreSQLServer]:
    # Not in pytest's directory, which the user that PostgreSQL runs as cannot read.
    with tempfile.TemporaryDirectory(prefix="gateway-", ignore_cleanup_errors=True) as directory:
        postgresql = PostgreSQLServer(Path(directory))
        try:
            yield postgresql
        finally:
            postgresql.stop_immediately()


def manage(url: str, *arguments: str, directory: Path = ROOT, **environment: str) -> str:
    """Run manage.py of `directory` on the database at `url`, and return its stdout."""
    result = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=directory,
        env={"PATH": os.environ["PATH"], **LOCAL, **environment, "DATABASE_URL": url},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def query_number(url: str, statement: str) -> int:
    """Return the number that the last of the statements selects."""
    with cursor_on(url) as cursor:
        cursor.execute(statement)
        return int(cursor.fetchone()[0])


def execute(url: str, statement: str) -> None:
    with cursor_on(url) as cursor:
        cursor.execute(statement)


@contextmanager
def cursor_on(url: str) -> Iterator[Any]:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            yield cursor
    finally:
        connection.close()
