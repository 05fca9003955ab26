"""Run gunicorn on the test database, started as in the Procfile."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.db import connection

from wechat_gateway.log_writer import GATHER_DELAY

COMMAND = ["-c", "python:wechat_gateway.gunicorn_conf", "wechat_gateway.asgi:application"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def database_url() -> str:
    config: dict[str, Any] = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{config['NAME']}"
    user = f"{config['USER']}:{config['PASSWORD']}".rstrip(":")
    return f"postgres://{user}@{config['HOST']}:{config['PORT']}/{config['NAME']}"


class Gunicorn:
    def __init__(self, process: subprocess.Popen[bytes], port: int, output: Path) -> None:
        self.process, self.port, self.output = process, port, output

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def lines(self) -> list[str]:
        """Return the lines that the server has written to stdout and stderr.

        It writes a line a little later than the answer.
        """
        time.sleep(4 * GATHER_DELAY)
        return self.output.read_text().splitlines()

    def wait_for(self, words: str, *, times: int) -> None:
        """Wait until this many lines of the output contain these words."""
        for _ in range(600):
            if sum(words in line for line in self.lines()) >= times:
                return
            time.sleep(0.05)
        raise AssertionError(f"not {times} times {words!r}:\n" + "\n".join(self.lines()))

    def send(self, raw: bytes, *, timeout: float = 10) -> bytes:
        """Send raw bytes, and return everything until the server closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as wire:
            wire.sendall(raw)
            return b"".join(iter(lambda: wire.recv(65536), b""))


@contextmanager
def running_gunicorn(
    output: Path,
    *,
    port: int | None = None,
    place: str = str(settings.BASE_DIR),
    **environment: str,
) -> Iterator[Gunicorn]:
    port = port or free_port()
    with output.open("wb") as log:
        process = start(log, place, PORT=str(port), **environment)
        try:
            wait_until_healthy(process, port, output)
            yield Gunicorn(process, port, output)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=30)


def start(log: IO[bytes], place: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "gunicorn", *COMMAND],
        cwd=place,
        stdout=log,
        stderr=subprocess.STDOUT,
        env={
            **os.environ,
            "DATABASE_URL": database_url(),
            "WEB_CONCURRENCY": "2",
            # Heroku sets this too. Even then, no secret may reach the log.
            "GUNICORN_CMD_ARGS": "--access-logfile -",
            "FORWARDED_ALLOW_IPS": "*",
            **environment,
        },
    )


def wait_until_healthy(process: subprocess.Popen[bytes], port: int, output: Path) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            # It listens before its workers have started, which takes seconds on a busy machine. A
            # worker with a certificate closes the connection instead of answering.
            with socket.create_connection(("127.0.0.1", port), timeout=60) as wire:
                wire.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                wire.recv(1)
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"gunicorn did not start:\n{output.read_text()}")
