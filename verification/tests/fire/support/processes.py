"""Reads the children and the resources of a process from /proc."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Resources(NamedTuple):
    files: int  #: open file descriptors
    threads: int
    megabytes: float  #: resident


def children(pid: int) -> list[int]:
    """Return the ids of its children that are still running."""
    running = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
        except OSError:  # the process has ended in the meantime
            continue
        if int(parent) == pid and state != "Z":
            running.append(int(stat.parent.name))
    return running


def resources(pid: int) -> Resources:
    directory = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (directory / "status").read_text().splitlines())
    return Resources(
        files=len([*(directory / "fd").iterdir()]),
        threads=int(status["Threads"]),
        megabytes=int(status["VmRSS"].split()[0]) / 1024,
    )
