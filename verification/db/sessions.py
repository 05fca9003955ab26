"""Show which encryption keys the gateway's other processes have, in their PostgreSQL sessions.

Each process lists the ids of its keys in the application_name of its sessions.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from verification.keys import key_id, newest_key_id

NAME = "wechat_gateway"
#: PostgreSQL cuts an application_name off after 63 bytes: room for the ids of five keys.
MAX_KEYS = 5
SELECT_OTHERS = """
SELECT pid, host(client_addr), backend_start, application_name FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND (application_name = %s OR starts_with(application_name, %s))
ORDER BY backend_start"""


class Session(NamedTuple):
    """A PostgreSQL session of another process of the gateway."""

    pid: int  #: of PostgreSQL's own process
    host: str | None  #: None over a Unix socket, or if this role may not see it
    began_at: datetime | None  #: None if this role may not see it
    application_name: str

    @property
    def has_newest_key(self) -> bool:
        """Return whether the process has the newest key of this process."""
        return newest_key_id() in self.application_name.split()


def application_name(keys: Iterable[str]) -> str:
    """Return the application_name of a process with these keys, the newest first."""
    return " ".join([NAME, *map(key_id, [*keys][:MAX_KEYS])])


def other_sessions() -> list[Session]:
    """Return the sessions of other processes, the oldest first; none on SQLite."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(SELECT_OTHERS, [NAME, f"{NAME} "])
        return [Session(*row) for row in cursor.fetchall()]


def is_pooled() -> bool:
    """Return whether a pooler such as PgBouncer is in front of PostgreSQL.

    Its clients get a number of its own in place of the number of PostgreSQL's process.
    """
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        own_pid: int = cursor.fetchone()[0]
    assert connection.connection is not None  # the cursor has opened it
    client_pid: int = connection.connection.info.backend_pid
    return own_pid != client_pid
