"""A PostgreSQL for one test, which may stop and freeze it, as script/with_postgres.py starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from django.conf import settings

from script.with_postgres import Cluster, find_binaries
from verification.tests.fire.support.processes import children
from verification.tests.support.checkout import LOCAL
from verification.tests.support.gunicorn import free_port

ROOT = Path(settings.BASE_DIR)


class OwnPostgreSQL:
    def __init__(self, place: Path) -> None:
        self.port = free_port()
        # On disk, as where it matters.
        self.cluster = Cluster(find_binaries(), place, is_durable=True)
        self.cluster.initialise(self.port)
        self.start()

    def url(self, database: str = "gateway") -> str:
        return f"postgres://gateway@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Until it takes connections."""
        self.server: subprocess.Popen[str] = self.cluster.start("postgres", "-D", "data")
        self.cluster.wait_until_ready(self.server)

    def stop_immediately(self) -> None:
        """Without a checkpoint, cutting every connection off: what follows is a recovery."""
        self.server.send_signal(signal.SIGQUIT)
        self.server.communicate()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Nothing of it runs: it takes connections, as the kernel does, and says nothing."""
        pids = [self.server.pid]
        os.kill(self.server.pid, signal.SIGSTOP)  # first, so that it starts no others
        try:
            for pid in children(self.server.pid):
                pids.append(pid)
                os.kill(pid, signal.SIGSTOP)
            yield
        finally:
            for pid in reversed(pids):
                os.kill(pid, signal.SIGCONT)

    def schema(self, database: str = "gateway") -> str:
        """Return the statements that pg_dump would create the schema with."""
        file = f"schema-{database}.sql"
        self.call("pg_dump", "--schema-only", f"--file={file}", self.url(database))
        lines = (self.cluster.directory / file).read_text().splitlines()
        return "\n".join(line for line in lines if not line.startswith(("\\", "--")))

    def call(self, program: str, *arguments: str) -> None:
        """One of its own programs, such as pg_dump, in a directory of its own."""
        self.cluster.run(program, *arguments)


@contextmanager
def own_postgresql() -> Iterator[OwnPostgreSQL]:
    # Not in pytest's directory, which is closed to the user that PostgreSQL runs as.
    with tempfile.TemporaryDirectory(prefix="gateway-", ignore_cleanup_errors=True) as place:
        postgresql = OwnPostgreSQL(Path(place))
        try:
            yield postgresql
        finally:
            postgresql.stop_immediately()


def manage(url: str, *arguments: str, place: Path = ROOT) -> str:
    """What manage.py says on that database, with the code of that place."""
    result = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=place,
        env={"PATH": os.environ["PATH"], **LOCAL, "DATABASE_URL": url},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def ask_database(url: str, statement: str) -> int:
    """The number that the statement, or the last of several, comes to."""
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return int(cursor.fetchone()[0])
    finally:
        connection.close()
