"""A backend on a loopback socket that answers in a chosen way, down to the byte."""

from __future__ import annotations

import socket
import socketserver
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsuccess"


class Connection:
    """A connection, as the backend's side of a test sees it."""

    def __init__(self, backend: ScriptedBackend, connection: socket.socket, number: int) -> None:
        self.backend, self.socket, self.number = backend, connection, number
        self.reader = connection.makefile("rb")

    def read_request(self) -> bytes:
        """Return the next request, its body included; nothing if the client has disconnected."""
        head = b"".join(iter(self.reader.readline, b"\r\n"))
        if not head:
            return b""
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:-1])
        request = head + b"\r\n" + self.reader.read(int(fields[b"content-length"]))
        self.backend.requests.append(request)
        return request

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)
        self.backend.sent += len(data)

    def reset(self) -> None:
        """Close the connection with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.close()

    def close(self) -> None:
        self.reader.close()
        self.socket.close()


Conversation = Callable[[Connection], None]


class ScriptedBackend(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, conversation: Conversation, certificate: Path | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.conversation, self.certificate = conversation, certificate
        self.requests: list[bytes] = []
        self.connections = 0
        self.is_over = threading.Event()  #: for conversations without end
        self.errors: list[BaseException | None] = []
        self.sent = 0  #: bytes that the system has accepted
        self.port = self.server_address[1]
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://127.0.0.1:{self.port}/wechat"

    def handle_error(self, request: Any, client_address: Any) -> None:
        self.errors.append(sys.exception())


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        backend = cast("ScriptedBackend", self.server)
        backend.connections += 1
        number = backend.connections
        with suppress(OSError, ValueError):  # The client has disconnected.
            connection: socket.socket = self.request
            if backend.certificate:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(backend.certificate)
                connection = context.wrap_socket(connection, server_side=True)
            try:
                backend.conversation(Connection(backend, connection, number))
            finally:
                connection.close()


@contextmanager
def backend_that(
    conversation: Conversation, certificate: Path | None = None
) -> Iterator[ScriptedBackend]:
    """Start a backend that has this conversation on each connection."""
    with ScriptedBackend(conversation, certificate) as backend:
        thread = threading.Thread(target=backend.serve_forever, args=[0.01])
        thread.start()
        try:
            yield backend
        finally:
            backend.shutdown()
            thread.join()
    assert not backend.errors  # a mistake in a conversation fails the test


# --- Conversations


def answers(*pieces: bytes) -> Conversation:
    """Answer every request with these bytes, and keep the connection."""

    def conversation(connection: Connection) -> None:
        while connection.read_request():
            for piece in pieces:
                connection.send(piece)

    return conversation


def answers_once(*pieces: bytes) -> Conversation:
    """Answer one request with these bytes, and close the connection."""

    def conversation(connection: Connection) -> None:
        connection.read_request()
        for piece in pieces:
            connection.send(piece)

    return conversation
