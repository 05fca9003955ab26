"""Where and with what the numbers were made."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from benchmarks.contestants import PEERS, ROOT
from benchmarks.databases import query


def describe(url: str) -> Iterator[str]:
    memory = re.search(r"MemTotal: +(\d+)", Path("/proc/meminfo").read_text())
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    gigabytes = int(memory[1]) / 1e6 if memory else 0
    yield f"{os.cpu_count()} cores of {model[1] if model else 'a processor'}, {gigabytes:.0f} GB"
    yield f"{platform.system()} {platform.release()}"
    yield f"Python {platform.python_version()}"
    yield from (f"{name} {version(name)}" for name in ("Django", "gunicorn", "uvicorn"))
    [[postgresql]] = query(url, "SHOW server_version")
    yield f"PostgreSQL {postgresql.split()[0]} on {disk(url)}"
    yield said_by("node", "--version").replace("v", "Node ")
    yield " ".join(said_by("wrk", "-v").split()[:2])
    node, python = PEERS / "package.json", PEERS / "requirements.txt"
    yield from map(" ".join, re.findall(r'"(\w+)": "([\d.]+)"', node.read_text()))
    yield from map(" ".join, re.findall(r"^(\w+)==([\d.]+)", python.read_text(), re.MULTILINE))


def commit() -> str:
    """What is measured; without git, as in an archive, nobody can tell."""
    if shutil.which("git") is None:
        return "unknown"
    git = ["git", "-c", "safe.directory=*", "-C", str(ROOT)]
    told = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    if told.returncode:
        return "unknown"
    # What an earlier run has written changes nothing of the code.
    code = ["--", ".", ":!docs", ":!benchmarks/RESULTS.md"]
    changed = subprocess.run([*git, "diff", "--quiet", "HEAD", *code], capture_output=True)
    return told.stdout.strip() + (", changed" if changed.returncode else "")


def disk(url: str) -> str:
    """Its file system, and what a commit waits for."""
    [[place, fsync]] = query(
        url, "SELECT current_setting('data_directory'), current_setting('fsync')"
    )
    df = ["df", "--output=fstype", place]
    told = subprocess.run(df, capture_output=True, text=True, check=True).stdout
    return f"{told.split()[-1]}, fsync {fsync}"


def said_by(*command: str) -> str:
    """The first line; wrk tells its version and exits with 1."""
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return (result.stdout or result.stderr).splitlines()[0]
