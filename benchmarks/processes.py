"""Servers started, waited for, and ended by their id."""

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

from benchmarks.trouble import Trouble

Process = subprocess.Popen[bytes]
#: Variables of whoever runs this that must not reach a server.
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def process_of(
    command: Sequence[str], environment: Mapping[str, str], output: Path
) -> Iterator[Process]:
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    with output.open("wb") as file:
        process = subprocess.Popen(command, env={**kept, **environment}, stdout=file, stderr=file)
    try:
        yield process
    finally:
        end(process)


def end(process: Process) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_for_answer(process: Process, port: int, target: str, output: Path) -> bytes:
    """The body of the first 200, within half a minute of trying."""
    give_up = time.monotonic() + 30
    while time.monotonic() < give_up and process.poll() is None:
        try:
            status, body = get(port, target)
        except (OSError, HTTPException):
            time.sleep(0.002)
            continue
        if status == 200:
            return body
        raise Trouble(f"The server answered {status} to a signed request:\n{output.read_text()}")
    raise Trouble(f"The server did not start:\n{output.read_text()}")


def get(port: int, target: str) -> tuple[int, bytes]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", target)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def children(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(number) for number in listed.split()]


def resident_bytes(number: int) -> int:
    status = Path(f"/proc/{number}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


def processor_seconds(root: int) -> float:
    """Used by a process and its children, those that have ended included."""
    ticks, waiting = 0, [root]
    while waiting:
        number = waiting.pop()
        with suppress(OSError):  # ended meanwhile
            stat = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, stat[11:15]))
            waiting += children(number)
    return ticks / os.sysconf("SC_CLK_TCK")
