"""Makes the template databases, once each; every run starts with a copy of one."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.contenders import (
    GATEWAY_ENVIRONMENT,
    LARGE_ACCOUNTS,
    LARGE_ATTEMPTS,
    PEERS,
    ROOT,
)
from benchmarks.databases import Databases, query
from benchmarks.errors import BenchmarkError

#: Attempts under a seal, as many as a batch of the gateway holds under load.
BATCH_SIZE = 8
#: The number of accounts in each template that holds the gateway's tables.
ACCOUNTS = {"one": 1, "relay": 1, "fifty": 50, "large": LARGE_ACCOUNTS}


def make_template(databases: Databases, name: str, backend_port: int) -> None:
    """Make the database; the account of `relay` has the backend at this port of this machine."""
    url = databases.create(name)
    if name == "peers":
        query(url, (PEERS / "table.sql").read_text())
        return
    manage(url, "manage.py", "migrate", "--noinput", "--verbosity", "0")
    backend = [f"http://127.0.0.1:{backend_port}/wechat"] if name == "relay" else []
    manage(url, "-m", "benchmarks.accounts", str(ACCOUNTS[name]), *backend)
    if name == "large":
        options = [
            f"--accounts={LARGE_ACCOUNTS}",
            f"--rows={LARGE_ATTEMPTS}",
            f"--batch={BATCH_SIZE}",
        ]
        manage(url, "-m", "benchmarks.sample_log", *options)


def manage(url: str, *command: str) -> None:
    """Run Python in the project's directory, on this database; raise BenchmarkError if it fails."""
    result = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**GATEWAY_ENVIRONMENT, "PATH": os.environ["PATH"], "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        raise BenchmarkError(
            f"{' '.join(command)} failed: {result.stderr.strip() or result.stdout}"
        )
