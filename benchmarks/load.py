"""Sends load with wrk, and reads the result."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import NamedTuple

from benchmarks.errors import BenchmarkError

SCRIPT = Path(__file__).with_name("signed_requests.lua")


class Load(NamedTuple):
    answered: int
    seconds: float
    p50: float  #: milliseconds
    p99: float

    @property
    def rate(self) -> float:
        """The number of answered requests a second."""
        return self.answered / self.seconds


def send(port: int, targets: Path, body: str = "", *, connections: int, seconds: int) -> Load:
    """Send each target of the file at most once, over persistent connections.

    With a body, the requests are POSTs; see signed_requests.lua. One thread of wrk sends up to
    40,000 requests a second. Raises BenchmarkError if wrk fails, or if a request was refused or not
    answered.
    """
    result = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(connections)),
            *("--duration", str(seconds), "--timeout", "10", "--script", str(SCRIPT)),
            *(f"http://127.0.0.1:{port}", "--", str(targets)),
            *([body] if body else []),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=seconds + 60,
    )
    if result.returncode:
        raise BenchmarkError(f"wrk failed: {result.stderr.strip() or result.stdout.strip()}")
    return read_summary(result.stderr)


def read_summary(line: str) -> Load:
    """Parse the line that signed_requests.lua prints."""
    summary = json.loads(line)
    if summary["refused"] or summary["broken"] or not summary["answered"]:
        raise BenchmarkError(f"Not every request was answered as it should be: {line.strip()}.")
    return Load(
        summary["answered"],
        seconds=summary["microseconds"] / 1e6,
        p50=summary["p50"] / 1000,
        p99=summary["p99"] / 1000,
    )
