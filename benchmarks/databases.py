"""Gives each run a copy of a template database, so that no run finds rows of another one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2


def query(url: str, statement: str) -> list[tuple[Any, ...]]:
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return cursor.fetchall() if cursor.description else []


def postmaster_of(url: str) -> int:
    """Return the id of the process whose children serve the connections of this PostgreSQL."""
    with closing(psycopg2.connect(url)) as connection:
        stat = Path(f"/proc/{connection.info.backend_pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


class Databases:
    """Creates databases in one PostgreSQL; `url` must name its superuser."""

    def __init__(self, url: str) -> None:
        self.url = url

    def url_of(self, name: str) -> str:
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def create(self, name: str, template: str = "template1") -> str:
        # file_copy does not write the copy to the WAL: a million rows take seconds.
        query(self.url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.url_of(name)

    @contextmanager
    def copy_of(self, template: str) -> Iterator[str]:
        """Provide the URL of a new copy, and drop the copy afterwards."""
        url = self.create("run", template)
        query(url, "VACUUM ANALYZE")  # so that autovacuum does not start during the run
        query(url, "CHECKPOINT")
        try:
            yield url
        finally:
            query(self.url, "DROP DATABASE run WITH (FORCE)")
