"""Starts servers, waits until they answer, reads their resource usage, and stops them by id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from benchmarks.errors import BenchmarkError

Process = subprocess.Popen[bytes]
#: The only variables of the caller's environment that a server inherits.
INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def process_of(
    command: Sequence[str], environment: Mapping[str, str], output: Path
) -> Iterator[Process]:
    """Run a server whose stdout and stderr go to `output`, and stop it afterwards."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    with output.open("wb") as file:
        process = subprocess.Popen(
            command, env={**inherited, **environment}, stdout=file, stderr=file
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_answer(
    process: Process, port: int, target: str, output: Path, body: str = ""
) -> bytes:
    """Return the body of the first response; raise BenchmarkError if it is not a 200.

    Tries for 30 seconds, or until the process has ended.
    """
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            status, answer = fetch(port, target, body)
        except (OSError, HTTPException):
            time.sleep(0.002)
            continue
        if status == 200:
            return answer
        raise BenchmarkError(
            f"The server answered {status} to a signed request:\n{output.read_text()}"
        )
    raise BenchmarkError(f"The server did not start:\n{output.read_text()}")


def fetch(port: int, target: str, body: str = "") -> tuple[int, bytes]:
    """Return status and body of the answer to a POST of this body, or to a GET without one."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    method, headers = ("POST", {"Content-Type": "text/xml"}) if body else ("GET", {})
    try:
        connection.request(method, target, body or None, headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def children(process_id: int) -> list[int]:
    listed = Path(f"/proc/{process_id}/task/{process_id}/children").read_text()
    return [int(number) for number in listed.split()]


def resident_bytes(process_id: int) -> int:
    status = Path(f"/proc/{process_id}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def processor_seconds(root: int) -> float:
    """Return the processor time of a process and its descendants, including those that ended."""
    ticks, pending = 0, [root]
    while pending:
        process_id = pending.pop()
        with suppress(OSError):  # the process has ended in the meantime
            stat = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, stat[11:15]))
            pending += children(process_id)
    return ticks / os.sysconf("SC_CLK_TCK")
