"""Runs statements with pgbench, without HTTP."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from statistics import quantiles

from benchmarks.errors import BenchmarkError
from benchmarks.load import Load

PROGRAM = os.environ.get("PGBENCH", "pgbench")


def run(url: str, script: Path, directory: Path, clients: int, seconds: int) -> Load:
    """Run the script over and over for `seconds`, and count its transactions as requests.

    `directory` is for pgbench's log of transactions. Raises BenchmarkError if pgbench fails.
    """
    # Several statements in a message need the simple protocol, which psycopg2 uses as well.
    protocol = "simple" if r"\;" in script.read_text() else "prepared"
    prefix = directory / "transactions"
    result = subprocess.run(
        [
            *(PROGRAM, "--no-vacuum", "--protocol", protocol, "--file", str(script)),
            *("--client", str(clients), "--time", str(seconds)),
            *("--log", "--log-prefix", str(prefix), url),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )
    [log] = directory.glob(f"{prefix.name}.*")
    milliseconds = [int(line.split()[2]) / 1000 for line in log.read_text().splitlines()]
    log.unlink()
    if result.returncode or not milliseconds:
        raise BenchmarkError(f"pgbench failed: {result.stderr.strip()}")
    rate = re.search(r"^tps = ([0-9.]+)", result.stdout, re.MULTILINE)
    assert rate
    percentiles = quantiles(milliseconds, n=100)
    answered = len(milliseconds)
    return Load(answered, answered / float(rate[1]), percentiles[49], percentiles[98])
