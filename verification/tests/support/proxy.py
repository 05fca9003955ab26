"""A TCP proxy in front of PostgreSQL that can refuse, cut, drop or delay the traffic."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
import time
from types import TracebackType

#: SO_LINGER with a timeout of 0: closing sends RST instead of FIN.
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Proxy:
    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.address: tuple[str, int] = ("127.0.0.1", 0)
        self.is_dropping = threading.Event()
        self.delay = 0.0  #: seconds before each piece is passed on
        self.bytes_per_second = float("inf")
        #: The last piece that is passed on contains this. Its answer is lost.
        self.cuts_after = b""
        self._listener: socket.socket | None = None
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._forgotten: set[socket.socket] = set()

    def __enter__(self) -> Proxy:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        self._listener = socket.create_server(self.address)
        self.address = self._listener.getsockname()
        threading.Thread(target=self._accept, args=[self._listener], daemon=True).start()

    def stop(self) -> None:
        """End all connections and refuse new ones, as when PostgreSQL is stopped."""
        if self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
        for pair in self._pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
        self._listener, self._pairs = None, []

    def reset(self) -> None:
        """End all connections with RST and accept new ones, as after a restart of the machine."""
        for client, server in self._pairs:
            with contextlib.suppress(OSError):
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
                server.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        """Leave all connections half open and accept new ones, as after a failover."""
        self._forgotten.update(client for client, _server in self._pairs)

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                pair = (client, socket.create_connection(self.target))
                self._pairs.append(pair)
                threading.Thread(target=self._pump, args=pair, daemon=True).start()

    def _pump(self, client: socket.socket, server: socket.socket) -> None:
        other = {client: server, server: client}
        with selectors.DefaultSelector() as ready, contextlib.suppress(OSError), client, server:
            for side in other:
                ready.register(side, selectors.EVENT_READ, side)
            while True:
                for key, _ in ready.select():
                    end: socket.socket = key.data
                    data = end.recv(65536)
                    if not data:
                        return
                    if not (self.is_dropping.is_set() or client in self._forgotten):
                        self._pass_on(data, other[end])
                    if self.cuts_after and self.cuts_after in data:
                        server.recv(65536)
                        return

    def _pass_on(self, data: bytes, end: socket.socket) -> None:
        time.sleep(self.delay + len(data) / self.bytes_per_second)
        end.sendall(data)
