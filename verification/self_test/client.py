"""Calls a server URL as WeChat's and WeCom's servers have been observed to call it."""

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
from typing import Any, NamedTuple
from urllib.parse import SplitResult, parse_qs, urlencode, urlsplit

from verification.protocol.encryption import encrypt_message
from verification.protocol.signature import compute_signature, make_self_test_nonce

#: The number of seconds after which WeChat is assumed to give up, and WeCom for a message.
TIMEOUT = 5.0
#: The number of seconds after which WeCom gives up a URL verification.
WECOM_CHECK_TIMEOUT = 1.0
#: A body that is longer than this is not read to its end: it cannot be an echostr.
MAX_BODY_BYTES = 65_536


class Encryption(NamedTuple):
    """Holds what encrypts the messages of an account, and the echostr of WeCom."""

    key: bytes
    app_id: str  #: or the CorpID, with which WeCom's echostr ends
    suite_id: str = ""

    @property
    def push_id(self) -> str:
        """Return the id with which messages end."""
        return self.suite_id or self.app_id

    def __repr__(self) -> str:
        return f"Encryption(app_id={self.app_id!r})"


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
    return _sign(server_url, token, *_make_own_nonce(key))


def sign_own_wecom_url(
    server_url: str, token: str, key: bytes, encryption: Encryption
) -> tuple[str, str]:
    """Return a URL that is signed as WeCom's are, and the decrypted echostr.

    This server records a call of it as a self-test.
    """
    timestamp, nonce = _make_own_nonce(key)
    echostr = _make_echostr()
    encrypted = encrypt_message(encryption.key, echostr.encode(), encryption.app_id)
    query = {
        "msg_signature": compute_signature(token, timestamp, nonce, encrypted).hex(),
        "timestamp": timestamp,
        "nonce": nonce,
        "echostr": encrypted,
    }
    return add_query(server_url, query), echostr


def _make_own_nonce(key: bytes) -> tuple[str, str]:
    """Return the timestamp and the nonce of a self-test."""
    timestamp = str(int(time.time()))
    return timestamp, make_self_test_nonce(key, timestamp, secrets.token_hex(4))


def _make_echostr() -> str:
    return str(secrets.randbelow(9 * 10**18) + 10**18)


def _sign(server_url: str, token: str, timestamp: str, nonce: str) -> tuple[str, str]:
    echostr = _make_echostr()
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
    is_wecom: bool = False  #: it is sent as WeCom sends it

    @property
    def parts(self) -> SplitResult:
        return urlsplit(self.url)

    @property
    def nonce(self) -> str:
        """The nonce identifies the attempt, because a proxy may change everything else."""
        return parse_qs(self.parts.query)["nonce"][0]

    @property
    def sent_echostr(self) -> str:
        """Return the echostr of the URL, which WeCom encrypts."""
        return parse_qs(self.parts.query).get("echostr", [""])[0]

    @property
    def http_version(self) -> str:
        return "1.1" if self.is_wecom else "1.0"

    @property
    def timeout(self) -> float:
        """Return the number of seconds that the platform waits for the answer."""
        return WECOM_CHECK_TIMEOUT if self.is_wecom and self.body is None else TIMEOUT

    def run(self) -> Probe:
        """Send the request as Mozilla/4.0. An error is kept, not raised."""
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
            f"{'GET' if self.body is None else 'POST'} {self._target} HTTP/{self.http_version}",
            f"Host: {self.parts.netloc}",
            *("User-Agent: Mozilla/4.0", "Accept: */*"),
        ]
        if self.is_wecom:
            lines += ["Cache-Control: no-cache", "Pragma: no-cache"]
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


def probe_server_url(
    server_url: str, token: str, key: bytes, encryption: Encryption | None = None
) -> Probe:
    """Send a URL verification that this server records as a self-test.

    With an encryption, it is a WeCom call: WeChat does not encrypt the echostr.
    """
    if encryption is None:
        return Probe(*sign_own_url(server_url, token, key)).run()
    url, echostr = sign_own_wecom_url(server_url, token, key, encryption)
    return Probe(url, echostr, is_wecom=True).run()


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
