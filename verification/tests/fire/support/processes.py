"""Reads the children and the resources of a process from /proc."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any, NamedTuple

import django


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


def call_with_django(pickled: bytes, *arguments: Any) -> None:
    """Call a pickled function in a new process. Its module may import models."""
    django.setup()
    pickle.loads(pickled)(*arguments)


def memory_peak(pid: int) -> float:
    """Return the megabytes of memory that the process has had at most."""
    status = Path(f"/proc/{pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def used_seconds(pid: int) -> float:
    """Return the seconds of processor time that the process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
