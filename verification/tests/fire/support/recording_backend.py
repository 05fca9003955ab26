"""A backend that writes down what it gets, as a process that can be killed.

python -m verification.tests.fire.support.recording_backend PORT FILE

It answers `success`, but only a moment after a line in FILE says what it got, so that a kill may
come between the two. It never answers requests to /hanging.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, cast

import uvloop

from verification.tests.support.gunicorn import free_port

ANSWER_DELAY = 0.003
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsuccess"
#: The text that a message has here: the number of its follower, and its own.
CONTENT = re.compile(rb"<Content><!\[CDATA\[(\d+) (\d+)\]\]>")


class Receipt(NamedTuple):
    at: float  #: time.monotonic(), which all processes share
    port: int  #: from which it was sent
    follower: int
    number: int  #: of the follower's messages


class Conversation(asyncio.Protocol):
    def __init__(self, file: int) -> None:
        self.file, self.received = file, b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.port = transport.get_extra_info("peername")[1]

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, end, rest = self.received.partition(b"\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.IGNORECASE)
        if end and length and len(rest) >= int(length[1]):
            self.received = b""
            self.answer(head, rest)

    def answer(self, head: bytes, body: bytes) -> None:
        if head.startswith(b"POST /hanging"):
            return
        if content := CONTENT.search(body):
            line = b"%.6f %d %s %s\n" % (time.monotonic(), self.port, *content.groups())
            os.write(self.file, line)  # at once, so that a kill loses none
        asyncio.get_running_loop().call_later(ANSWER_DELAY, self.transport.write, ANSWER)


async def serve(port: int, file: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Conversation(file), "127.0.0.1", port, backlog=512)
    await server.serve_forever()


class RecordingBackend:
    """Starts and kills the process. What it got is in one file, also after a restart."""

    def __init__(self, file: Path) -> None:
        self.port, self.file = free_port(), file
        self.stops: list[float] = []
        file.touch()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/wechat"

    def start(self) -> None:
        """Start the process, and wait until it listens."""
        module = "verification.tests.fire.support.recording_backend"
        self.process = subprocess.Popen([sys.executable, "-m", module, str(self.port), self.file])
        while self.process.poll() is None:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            time.sleep(0.05)
        raise AssertionError("The backend did not start.")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.stops.append(time.monotonic())

    def receipts(self) -> list[Receipt]:
        return [
            Receipt(float(at), int(port), int(follower), int(number))
            for at, port, follower, number in map(str.split, self.file.read_text().splitlines())
        ]

    def wait_for_receipt(self, *, since: float, seconds: float = 60) -> None:
        """Wait until it has got a message after `since`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with self.file.open("rb") as file:
                file.seek(max(0, self.file.stat().st_size - 200))
                last = file.read().splitlines()[-1:]
            if last and float(last[0].split()[0]) > since:
                return
            time.sleep(0.1)
        raise AssertionError(f"The backend got no message within {seconds} s.")


@contextmanager
def recording_backend(file: Path) -> Iterator[RecordingBackend]:
    backend = RecordingBackend(file)
    backend.start()
    try:
        yield backend
    finally:
        backend.kill()


if __name__ == "__main__":
    descriptor = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1]), descriptor))
