"""A router in front of several gunicorns: takes one out, and sends what it cut off elsewhere."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from verification.tests.fire.support.crowd import content_length


class Balancer:
    """Each request goes to one of `ports` over a connection of its own.

    As nginx does by default, a GET that a server leaves without any answer goes to another one.
    """

    def __init__(self) -> None:
        self.ports: list[int] = []
        self.sent_elsewhere = 0
        self.turn = 0
        self.port = 0
        self.is_ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Balancer:
        self.thread.start()
        self.is_ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.is_over.set)
        self.thread.join()

    async def _serve(self) -> None:
        self.loop, self.is_over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._attend, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.is_ready.set()
        await self.is_over.wait()
        server.close()

    async def _attend(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(EOFError, OSError):
            while True:
                raw = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._pass_on(raw))
        writer.close()

    async def _pass_on(self, raw: bytes) -> bytes:
        for attempt in range(3):
            self.turn += 1
            self.sent_elsewhere += attempt > 0
            port = self.ports[self.turn % len(self.ports)]
            if answer := await ask_once(port, raw):
                return answer
        return b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"


async def ask_once(port: int, raw: bytes) -> bytes:
    """The answer as it came, empty when there was none."""
    writer = None
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(raw)
        head = await reader.readuntil(b"\r\n\r\n")
        return head + await reader.readexactly(content_length(head))
    except (OSError, EOFError):
        return b""
    finally:
        if writer:
            writer.close()
