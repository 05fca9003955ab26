"""Describes the machine, the software and the commit that were measured."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from benchmarks.contenders import PEERS, ROOT
from benchmarks.databases import query


def describe(url: str) -> Iterator[str]:
    """Yield the hardware, then the name and version of each program and package."""
    memory = re.search(r"MemTotal: +(\d+)", Path("/proc/meminfo").read_text())
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    gigabytes = int(memory[1]) / 1e6 if memory else 0
    yield f"{os.cpu_count()} cores of {model[1] if model else 'a processor'}, {gigabytes:.0f} GB"
    yield f"{platform.system()} {platform.release()}"
    yield f"Python {platform.python_version()}"
    yield from (f"{name} {version(name)}" for name in ("Django", "gunicorn", "uvicorn"))
    [[postgresql]] = query(url, "SHOW server_version")
    yield f"PostgreSQL {postgresql.split()[0]} on {disk(url)}"
    yield first_line_of("node", "--version").replace("v", "Node ")
    yield " ".join(first_line_of("wrk", "-v").split()[:2])
    node, python = PEERS / "package.json", PEERS / "requirements.txt"
    yield from map(" ".join, re.findall(r'"(\w+)": "([\d.]+)"', node.read_text()))
    yield from map(" ".join, re.findall(r"^(\w+)==([\d.]+)", python.read_text(), re.MULTILINE))


def commit() -> str:
    """Return the commit, followed by ", changed" if the code differs from it.

    Returns "unknown" if git is missing, or if this is not a git checkout.
    """
    if shutil.which("git") is None:
        return "unknown"
    git = ["git", "-c", "safe.directory=*", "-C", str(ROOT)]
    head = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    if head.returncode:
        return "unknown"
    # Leave out the files that an earlier run may have written.
    code = ["--", ".", ":!docs", ":!benchmarks/RESULTS.md"]
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", *code], capture_output=True)
    return head.stdout.strip() + (", changed" if changed.returncode else "")


def disk(url: str) -> str:
    """Return the file system that holds PostgreSQL's data, and whether fsync is on."""
    [[directory, fsync]] = query(
        url, "SELECT current_setting('data_directory'), current_setting('fsync')"
    )
    df = ["df", "--output=fstype", directory]
    output = subprocess.run(df, capture_output=True, text=True, check=True).stdout
    return f"{output.split()[-1]}, fsync {fsync}"


def first_line_of(*command: str) -> str:
    """Return the first line of output, whatever the exit code: wrk -v exits with 1."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return (result.stdout or result.stderr).splitlines()[0]
