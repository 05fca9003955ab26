"""Databases of their own for each run: copies of templates, so that no run finds another's rows."""

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
    """The process whose children serve this PostgreSQL's connections."""
    with closing(psycopg2.connect(url)) as connection:
        stat = Path(f"/proc/{connection.info.backend_pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


class Databases:
    """Those of one PostgreSQL, whose superuser `url` names."""

    def __init__(self, url: str) -> None:
        self.url = url

    def url_of(self, name: str) -> str:
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def create(self, name: str, template: str = "template1") -> str:
        # Files are copied, not logged: a template of a million rows takes seconds.
        query(self.url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.url_of(name)

    @contextmanager
    def copy_of(self, template: str) -> Iterator[str]:
        url = self.create("run", template)
        query(url, "VACUUM ANALYZE")  # autovacuum would come in the middle of a run
        query(url, "CHECKPOINT")
        try:
            yield url
        finally:
            query(self.url, "DROP DATABASE run WITH (FORCE)")
