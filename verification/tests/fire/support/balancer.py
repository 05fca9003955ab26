"""A load balancer in front of several gunicorns, which retries a request that got no response."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress

from verification.tests.fire.support.load_generator import content_length


class Balancer:
    """Sends each request to the next of `ports`, over a new connection.

    Like nginx by default, it sends a GET to another server if the first one does not respond.
    Counts these `retries`.
    """

    def __init__(self) -> None:
        self.ports: list[int] = []
        self.retries = 0
        self.requests = 0
        self.port = 0
        self.is_ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> Balancer:
        self.thread.start()
        self.is_ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.is_stopping.set)
        self.thread.join()

    async def _serve(self) -> None:
        self.loop, self.is_stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._handle_client, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self.is_ready.set()
        await self.is_stopping.wait()
        server.close()

    async def _handle_client(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(EOFError, OSError):
            while True:
                raw = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._forward(raw))
        writer.close()

    async def _forward(self, raw: bytes) -> bytes:
        for attempt in range(3):
            self.requests += 1
            self.retries += attempt > 0
            port = self.ports[self.requests % len(self.ports)]
            if answer := await ask_once(port, raw):
                return answer
        return b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"


async def ask_once(port: int, raw: bytes) -> bytes:
    """Return the raw response, or nothing if there was none."""
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
