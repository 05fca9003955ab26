"""Describes the machine, the packages and the commit that the figures were measured with."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path

from django.db import connection

from benchmarks.machine import commit


@cache
def describe_machine() -> str:
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    packages = [
        f"{name} {version(name)}" for name in ("Django", "gunicorn", "uvicorn", "psycopg2-binary")
    ]
    return ", ".join(
        [
            f"{os.cpu_count()} × {processor()}",
            f"{gigabytes:.0f} GB",
            platform.system(),
            database(),
            f"Python {platform.python_version()}",
            *packages,
            f"commit {commit()}",
        ]
    )


def processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def database() -> str:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SHOW server_version")
            return f"PostgreSQL {cursor.fetchone()[0].split()[0]}"
        cursor.execute("SELECT sqlite_version()")
        return f"SQLite {cursor.fetchone()[0]}"
