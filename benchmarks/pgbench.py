"""Load from pgbench: no HTTP, only statements."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from statistics import quantiles

from benchmarks.load import Load
from benchmarks.trouble import Trouble

PROGRAM = os.environ.get("PGBENCH", "pgbench")


def run(url: str, script: Path, place: Path, clients: int, seconds: int) -> Load:
    prefix = place / "transactions"
    result = subprocess.run(
        [
            *(PROGRAM, "--no-vacuum", "--protocol", "prepared", "--file", str(script)),
            *("--client", str(clients), "--time", str(seconds)),
            *("--log", "--log-prefix", str(prefix), url),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )
    [logged] = place.glob(f"{prefix.name}.*")
    milliseconds = [int(line.split()[2]) / 1000 for line in logged.read_text().splitlines()]
    logged.unlink()
    if result.returncode or not milliseconds:
        raise Trouble(f"pgbench failed: {result.stderr.strip()}")
    rate = re.search(r"^tps = ([0-9.]+)", result.stdout, re.MULTILINE)
    assert rate
    percentiles = quantiles(milliseconds, n=100)
    answered = len(milliseconds)
    return Load(answered, answered / float(rate[1]), percentiles[49], percentiles[98])
