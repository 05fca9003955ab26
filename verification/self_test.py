"""Plays WeChat against a server URL, as its servers were seen to call."""

from __future__ import annotations

import http.client
import io
import secrets
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlencode, urlsplit

from verification.protocol.signature import compute_signature

#: Seconds until WeChat is assumed to give up.
PATIENCE = 5.0
#: Bytes after which a body is no echostr, whatever else comes.
LONGEST_BODY = 65_536


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    headers: dict[str, str]  #: in lower case
    seconds: float
    echostr: str  #: what the body has to be, byte for byte

    def problems(self) -> list[str]:
        """What WeChat would not accept, a sentence each; empty when it would."""
        found = []
        if 300 <= self.status < 400:
            found.append(f"It redirects ({self.status}), and WeChat follows no redirect.")
        elif self.status != 200:
            found.append(
                f"It answers {self.status}, not 200: {self.body[:60].decode(errors='replace')!r}."
            )
        elif self.body != self.echostr.encode():
            found.append(
                f"The body is not the echostr: {len(self.body)} bytes instead of "
                f"{len(self.echostr)}, beginning with {self.body[:20]!r}."
            )
        if "chunked" in self.headers.get("transfer-encoding", ""):
            found.append("The body is chunked, which HTTP/1.0 cannot read.")
        if self.seconds > PATIENCE:
            found.append(
                f"It took {self.seconds:.1f} s, and WeChat gives up after {PATIENCE:.0f} s."
            )
        return found


def sign_url(server_url: str, token: str) -> tuple[str, str]:
    """A URL as WeChat would call it, and the echostr that must come back."""
    timestamp, nonce = str(int(time.time())), str(secrets.randbelow(10**10))
    echostr = str(secrets.randbelow(9 * 10**18) + 10**18)
    query = urlencode(
        {
            "signature": compute_signature(token, timestamp, nonce).hex(),
            "echostr": echostr,
            "timestamp": timestamp,
            "nonce": nonce,
        }
    )
    return f"{server_url}{'&' if '?' in server_url else '?'}{query}", echostr


def play_wechat(server_url: str, token: str) -> Answer:
    """Send one URL verification over HTTP/1.0 as Mozilla/4.0. Raises OSError, HTTPException."""
    url, echostr = sign_url(server_url, token)
    parts = urlsplit(url)
    started = time.perf_counter()
    with _connect(parts) as connection:
        target = f"{parts.path or '/'}?{parts.query}"
        connection.sendall(
            f"GET {target} HTTP/1.0\r\nHost: {parts.netloc}\r\n"
            "User-Agent: Mozilla/4.0\r\nAccept: */*\r\n\r\n".encode("ascii")
        )
        wire = _Wire(connection, started + PATIENCE)
        with http.client.HTTPResponse(wire) as response:  # type: ignore[arg-type]
            response.begin()
            body, missing = response.read(LONGEST_BODY), response.length
    if missing:
        raise http.client.IncompleteRead(body, missing)
    headers = {name.lower(): value.lower() for name, value in response.getheaders()}
    return Answer(response.status, body, headers, time.perf_counter() - started, echostr)


def _connect(parts: SplitResult) -> socket.socket:
    is_https = parts.scheme == "https"
    address = (parts.hostname or "", parts.port or (443 if is_https else 80))
    plain = socket.create_connection(address, timeout=PATIENCE)
    if not is_https:
        return plain
    context = ssl.create_default_context()
    return context.wrap_socket(plain, server_hostname=parts.hostname)


class _Wire(io.RawIOBase):
    """What the server sends until the deadline; a socket's timeout begins anew with each byte."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self.connection, self.deadline = connection, deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.connection.settimeout(max(self.deadline - time.perf_counter(), 0.001))
        return self.connection.recv_into(buffer)
