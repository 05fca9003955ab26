"""Run a company's backend as a process of its own, and send requests to it."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Answer(NamedTuple):
    status: int
    body: bytes


@contextmanager
def reserved_port() -> Iterator[int]:
    """Keep a port of this machine for the backends that run one after another."""
    with socket.socket() as reserved:
        # A process that sets the same option can listen at this port, as servers do.
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@contextmanager
def running_backend(command: str, place: Path, port: int, **environment: str) -> Iterator[str]:
    """Run the shell command, which reads PORT, and yield the backend's address."""
    output = place / "output"
    with output.open("ab") as log:
        process = subprocess.Popen(
            ["sh", "-c", command],
            cwd=place,
            stdout=log,
            stderr=log,
            env={"PATH": os.environ["PATH"], "PORT": str(port), **environment},
        )
    try:
        _wait_until_it_listens(process, port, output)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=10)


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    for _ in range(2400):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.025)
    raise RuntimeError(f"the backend did not start:\n{output.read_text()}")


def post(url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
    """Post an XML body as WeChat does."""
    request = urllib.request.Request(url, body, {"Content-Type": "text/xml", **(headers or {})})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return Answer(response.status, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.read())
