"""A fake server that answers a URL verification correctly, or wrongly in a chosen way."""

from __future__ import annotations

import ipaddress
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

# An answer function takes the echostr, and yields the pieces to send one after another.
Pieces = Iterator[bytes]
AnswerFunction = Callable[[str], Pieces]


class FakeServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, answer: AnswerFunction, certificate: Path | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.certificate, self.received = answer, certificate, b""
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.server_address[1]}"


class Handler(socketserver.StreamRequestHandler):
    def setup(self) -> None:
        self.fake_server = cast("FakeServer", self.server)
        if self.fake_server.certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.fake_server.certificate)
            self.request = context.wrap_socket(
                self.request, server_side=True, do_handshake_on_connect=False
            )
        super().setup()

    def handle(self) -> None:
        with suppress(OSError):  # The client has disconnected.
            head = b"".join(iter(self.rfile.readline, b"\r\n"))
            self.fake_server.received = head
            query = parse_qs(urlsplit(head.split(b" ")[1].decode()).query)
            for piece in self.fake_server.answer(query.get("echostr", [""])[0]):
                self.wfile.write(piece)

    def finish(self) -> None:
        super().finish()
        self.request.close()


@contextmanager
def serving(answer: AnswerFunction, certificate: Path | None = None) -> Iterator[FakeServer]:
    with FakeServer(answer, certificate) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def self_signed(path: Path, *, name: str = "127.0.0.1", days: int = 90) -> Path:
    """Write a key and a certificate for `name`, valid for `days` days, to one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fake server")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=400))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))]), False
        )
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


# --- Answers


def ok(body: bytes, *headers: str) -> Pieces:
    length = f"Content-Length: {len(body)}"
    yield "\r\n".join(["HTTP/1.1 200 OK", length, *headers, "", ""]).encode() + body


def right(echostr: str) -> Pieces:
    yield from ok(echostr.encode())


def with_a_mark(echostr: str) -> Pieces:
    yield from ok(b"\xef\xbb\xbf" + echostr.encode())


def as_a_page(echostr: str) -> Pieces:
    yield from ok(b"<html>" + echostr.encode())


def without_length(echostr: str) -> Pieces:
    yield b"HTTP/1.1 200 OK\r\n\r\n" + echostr.encode()


def chunked(echostr: str) -> Pieces:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
    yield f"{len(echostr):x}\r\n{echostr}\r\n0\r\n\r\n".encode()


def redirect(echostr: str) -> Pieces:
    yield b"HTTP/1.1 301 Moved\r\nLocation: https://wx.example.cn/A\r\nContent-Length: 0\r\n\r\n"


def refusing(echostr: str) -> Pieces:
    yield b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nbad token"


def breaking_off(echostr: str) -> Pieces:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n1234"


def nothing(echostr: str) -> Pieces:
    yield b""


def no_http(echostr: str) -> Pieces:
    yield b"SSH-2.0-\x1b[31mOpenSSH\r\n"


def in_a_moment(echostr: str) -> Pieces:
    time.sleep(0.3)
    yield from right(echostr)


def drop_by_drop(echostr: str) -> Pieces:
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    while True:
        yield b"1"
        time.sleep(0.02)


def without_end(echostr: str) -> Pieces:
    yield b"HTTP/1.1 200 OK\r\n\r\n"
    while True:
        yield b"1" * 65536
