"""What /proc knows of a process."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Resources(NamedTuple):
    files: int  #: open file descriptors
    threads: int
    megabytes: float  #: resident


def children(pid: int) -> list[int]:
    """The processes that it started and that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:  # it ended meanwhile
            continue
        if int(parent) == pid and state != "Z":
            found.append(int(stat.parent.name))
    return found


def resources(pid: int) -> Resources:
    place = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (place / "status").read_text().splitlines())
    return Resources(
        files=len([*(place / "fd").iterdir()]),
        threads=int(status["Threads"]),
        megabytes=int(status["VmRSS"].split()[0]) / 1024,
    )
