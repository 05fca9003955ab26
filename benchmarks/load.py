"""Load from wrk, and what came of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import NamedTuple

from benchmarks.trouble import Trouble

SCRIPT = Path(__file__).with_name("signed_requests.lua")


class Load(NamedTuple):
    answered: int
    seconds: float
    p50: float  #: milliseconds
    p99: float

    @property
    def rate(self) -> float:
        """Requests answered a second."""
        return self.answered / self.seconds


def send(port: int, targets: Path, *, connections: int, seconds: int) -> Load:
    """Each target once, over connections that are kept; one thread of wrk sends 40,000 a second."""
    result = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(connections)),
            *("--duration", str(seconds), "--timeout", "10", "--script", str(SCRIPT)),
            *(f"http://127.0.0.1:{port}", "--", str(targets)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )
    if result.returncode:
        raise Trouble(f"wrk failed: {result.stderr.strip() or result.stdout.strip()}")
    return read_summary(result.stderr)


def read_summary(line: str) -> Load:
    said = json.loads(line)
    if said["refused"] or said["broken"] or not said["answered"]:
        raise Trouble(f"Not every request was answered as it should be: {line.strip()}.")
    return Load(
        said["answered"], said["microseconds"] / 1e6, said["p50"] / 1000, said["p99"] / 1000
    )
