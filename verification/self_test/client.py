"""Calls a server URL as WeChat's servers have been observed to call it."""

from __future__ import annotations

import http.client
import io
import secrets
import socket
import ssl
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

from verification.protocol.signature import compute_signature, make_self_test_nonce

#: The number of seconds after which WeChat is assumed to give up.
TIMEOUT = 5.0
#: A body that is longer than this is not read to its end: it cannot be an echostr.
MAX_BODY_BYTES = 65_536


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = field(repr=False)
    headers: dict[str, str] = field(repr=False)  #: names in lower case
    seconds: float
    echostr: str = field(repr=False)  #: what the body must be, byte for byte

    @property
    def is_chunked(self) -> bool:
        return "chunked" in self.headers.get("transfer-encoding", "").lower()


def sign_url(server_url: str, token: str) -> tuple[str, str]:
    """Return a signed URL, and the echostr that the server must return.

    A server records a call of this URL as WeChat's.
    """
    return _sign(server_url, token, str(int(time.time())), str(secrets.randbelow(10**10)))


def sign_own_url(server_url: str, token: str, key: bytes) -> tuple[str, str]:
    """Return a signed URL like `sign_url`, but one that this server records as a self-test."""
    timestamp = str(int(time.time()))
    return _sign(
        server_url, token, timestamp, make_self_test_nonce(key, timestamp, secrets.token_hex(4))
    )


def _sign(server_url: str, token: str, timestamp: str, nonce: str) -> tuple[str, str]:
    echostr = str(secrets.randbelow(9 * 10**18) + 10**18)
    query = {
        "signature": compute_signature(token, timestamp, nonce).hex(),
        "echostr": echostr,
        "timestamp": timestamp,
        "nonce": nonce,
    }
    return add_query(server_url, query), echostr


def add_query(server_url: str, query: dict[str, str]) -> str:
    return f"{server_url}{'&' if '?' in server_url else '?'}{urlencode(query)}"


class Phase(IntEnum):
    """The phase that a probe is in, or was in when it failed."""

    CONNECTING = 1
    SECURING = 2
    ASKING = 3
    READING = 4
    DONE = 5


@dataclass
class Probe:
    """A URL verification or a push that this server sends, and how far it got."""

    url: str = field(repr=False)
    echostr: str = field(repr=False)
    phase: Phase = Phase.CONNECTING
    certificate_ends: datetime | None = None
    answer: Answer | None = None  #: set from READING on; its body is complete when DONE
    error: Exception | None = None
    seconds: float = 0
    body: bytes | None = field(default=None, repr=False)  #: the message of a push

    @property
    def parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def nonce(self) -> str:
        """The nonce identifies the attempt, because a proxy may change everything else."""
        return parse_qs(self.parts.query)["nonce"][0]

    def run(self) -> Probe:
        """Send the request over HTTP/1.0 as Mozilla/4.0. An error is kept, not raised."""
        started = time.perf_counter()
        try:
            with self._connect() as connection:
                self.phase = Phase.ASKING
                connection.sendall(self._request())
                self._read(_Wire(connection, started + TIMEOUT), started)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.error = error
        self.seconds = time.perf_counter() - started
        return self

    def _connect(self) -> socket.socket:
        is_https = self.parts.scheme == "https"
        address = (self.parts.hostname or "", self.parts.port or (443 if is_https else 80))
        plain = socket.create_connection(address, timeout=TIMEOUT)
        if not is_https:
            return plain
        self.phase = Phase.SECURING
        context = ssl.create_default_context()
        secure = context.wrap_socket(plain, server_hostname=self.parts.hostname)
        until = ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"]))
        self.certificate_ends = datetime.fromtimestamp(until, UTC)
        return secure

    def _request(self) -> bytes:
        lines = [
            f"{'GET' if self.body is None else 'POST'} {self._target} HTTP/1.0",
            f"Host: {self.parts.netloc}",
            *("User-Agent: Mozilla/4.0", "Accept: */*"),
        ]
        if self.body is not None:
            lines += ["Content-Type: text/xml", f"Content-Length: {len(self.body)}"]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + (self.body or b"")

    @property
    def _target(self) -> str:
        return f"{self.parts.path or '/'}?{self.parts.query}"

    def _read(self, wire: _Wire, started: float) -> None:
        with http.client.HTTPResponse(wire) as response:  # type: ignore[arg-type]
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            self.answer = Answer(response.status, b"", headers, 0, self.echostr)
            self.phase = Phase.READING
            body, missing = response.read(MAX_BODY_BYTES), response.length
        seconds = time.perf_counter() - started
        self.answer = replace(self.answer, body=body, seconds=seconds)
        if missing:
            raise http.client.IncompleteRead(body, missing)
        self.phase = Phase.DONE


def probe_server_url(server_url: str, token: str, key: bytes) -> Probe:
    """Send a URL verification that this server records as a self-test."""
    return Probe(*sign_own_url(server_url, token, key)).run()


class _Wire(io.RawIOBase):
    """Reads from a socket until a deadline. A socket's own timeout restarts with each byte."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self.connection, self.deadline = connection, deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.connection.settimeout(max(self.deadline - time.perf_counter(), 0.001))
        return self.connection.recv_into(buffer)
