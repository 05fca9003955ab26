"""Seconds of processor time, which other work on the machine hardly changes. Linux only."""

from __future__ import annotations

import os
from pathlib import Path

from django.db import connection


def processor_seconds() -> float:
    """Of this process, and of the PostgreSQL process that serves it, since they began."""
    connection.ensure_connection()
    return sum(map(seconds_of, (os.getpid(), connection.connection.info.backend_pid)))


def seconds_of(process_id: int) -> float:
    return int(Path(f"/proc/{process_id}/schedstat").read_text().split()[0]) / 1e9
