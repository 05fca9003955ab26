"""The databases that turns start with copies of, each made once."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.contestants import GROWN, OURS, PEERS, ROOT
from benchmarks.databases import Databases, query
from benchmarks.trouble import Trouble

#: As many as batches of ours hold under load.
SEALED_TOGETHER = 8
ACCOUNTS = {"one": 1, "fifty": 50, "large": GROWN[0]}


def make_template(databases: Databases, name: str) -> None:
    url = databases.create(name)
    if name == "peers":
        query(url, (PEERS / "table.sql").read_text())
        return
    manage(url, "manage.py", "migrate", "--noinput", "--verbosity", "0")
    manage(url, "-m", "benchmarks.accounts", str(ACCOUNTS[name]))
    if name == "large":
        accounts, rows = GROWN
        sizes = f"--accounts={accounts}", f"--rows={rows}", f"--batch={SEALED_TOGETHER}"
        manage(url, "-m", "benchmarks.sample_log", *sizes)


def manage(url: str, *command: str) -> None:
    """Run Python in the project, on this database."""
    result = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**OURS, "PATH": os.environ["PATH"], "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise Trouble(f"{' '.join(command)} failed: {result.stderr.strip() or result.stdout}")
