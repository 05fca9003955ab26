"""Sends message pushes to backends.

It is aiohttp, because httpx 0.28.1 costs twenty times the CPU: 0.15 to 0.2 ms a request against
3.8 to 5.1 ms (32 POSTs of 500 bytes at a time over kept connections, uvloop, one process; 2,600 to
6,500 requests/s against 70 to 260). Without `auto_decompress`, it also hands out the reply's bytes
as they are.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_proto import ResponseHandler
from yarl import URL

from verification import __version__
from verification.protocol.enums import DeliveryResult
from verification.relay.addresses import is_allowed, is_literal

#: A longer reply is not read to its end. WeChat accepts replies of a few kilobytes.
MAX_REPLY_BYTES = 65_536
#: Seconds that an idle connection is kept: below the 5 s after which Node and uvicorn close it.
KEEP_ALIVE = 4.0
#: These statuses would be the same the next time.
CLIENT_ERRORS = {400, 404, 410, 413, 422}
#: A name server that does not answer holds a thread for seconds. The threads are the client's own,
#: so that nothing else waits for them.
RESOLVER_THREADS = 16
#: What stays as it is in a query: all of printable ASCII, except # and the blank.
QUERY_CHARACTERS = "".join(map(chr, range(0x21, 0x7F))).replace("#", "")


class Forwarded(NamedTuple):
    """A message push on its way to a backend."""

    url: str
    content_type: str
    body: bytes
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Forwarded({len(self.body)} bytes)"


class BackendReply(NamedTuple):
    status: int  #: 2xx: the backend has taken the message
    body: bytes

    def __repr__(self) -> str:
        return f"BackendReply({self.status}, {len(self.body)} bytes)"


class BackendFailure(Exception):
    """No usable reply. The text names the result only: the URL holds a signature."""

    def __init__(self, result: DeliveryResult, status: int | None = None) -> None:
        super().__init__(result.label)
        self.result = result
        self.status = status  #: the backend's, if it got that far

    @property
    def is_taken(self) -> bool:
        """Return whether the backend has taken the message, although its reply is of no use."""
        return self.status is not None and 200 <= self.status <= 299


def forward_url(backend_url: str, query: bytes) -> str:
    """Return the backend's URL with the query of the push appended, byte for byte.

    Only what cannot be in a URL is encoded: `#`, blanks, control characters, and bytes above 0x7E.
    """
    backend_url = quote(backend_url, safe=QUERY_CHARACTERS)
    if not urlsplit(backend_url).path:
        start, mark, own_query = backend_url.partition("?")
        backend_url = f"{start}/{mark}{own_query}"
    if not query:
        return backend_url
    mark = "?" if "?" not in backend_url else "" if backend_url[-1] in "?&" else "&"
    return f"{backend_url}{mark}{quote(query, safe=QUERY_CHARACTERS)}"


@dataclass
class _Exchange:
    """How far a request got."""

    is_reused: bool = False  #: on a connection that an earlier request had opened
    status: int | None = None


class BackendClient:
    """The HTTP client of a process: it keeps connections, and belongs to one event loop."""

    def __init__(self) -> None:
        self._kept: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None

    async def send(
        self, forwarded: Forwarded, *, connect_timeout: float, timeout: float
    ) -> BackendReply:
        """Return the backend's reply, or raise BackendFailure, within `timeout` seconds."""
        exchange = _Exchange()
        try:
            async with asyncio.timeout(timeout):
                return await self._send(forwarded, connect_timeout, exchange)
        except BackendFailure:
            raise
        except (aiohttp.ClientError, OSError, ValueError) as error:
            failure = BackendFailure(_result_of(error), exchange.status)
        raise failure  # out here, so that it does not carry an error whose text may quote the URL

    async def _send(
        self, forwarded: Forwarded, connect_timeout: float, exchange: _Exchange
    ) -> BackendReply:
        url = URL(forwarded.url, encoded=True)
        host, port = url.raw_host or "", url.port or 0
        # aiohttp resolves names only.
        if is_literal(host) and not is_allowed(host, port, host):
            raise BackendFailure(DeliveryResult.FORBIDDEN_ADDRESS)
        kept, fresh = self._sessions()
        try:
            return await _post(kept, url, forwarded, connect_timeout, exchange)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            # A backend that restarts, or that closes idle connections, closes one just when it is
            # used. Whether it has read the message is unknown, so this may repeat it. But so would
            # the failure: the spool or WeChat sends it again, with the same webhook-id.
            if not exchange.is_reused or exchange.status is not None:
                raise
        return await _post(fresh, url, forwarded, connect_timeout, exchange)

    def _sessions(self) -> tuple[aiohttp.ClientSession, aiohttp.ClientSession]:
        """Return the one that keeps connections, and the one that opens one for each request."""
        if self._kept is None or self._fresh is None:
            self._resolver = _Resolver()
            options: dict[str, Any] = {"resolver": self._resolver, "limit": 0}
            kept = aiohttp.TCPConnector(keepalive_timeout=KEEP_ALIVE, **options)
            kept._factory = partial(_Protocol, loop=asyncio.get_running_loop())  # type: ignore[assignment]
            self._kept = _session(kept)
            self._fresh = _session(aiohttp.TCPConnector(force_close=True, **options))
        return self._kept, self._fresh

    async def close(self) -> None:
        if self._kept is not None and self._fresh is not None:
            await self._kept.close()
            await self._fresh.close()
            await self._resolver.close()
        self._kept = self._fresh = None


class _Protocol(ResponseHandler):
    """A connection that is not kept if the backend sends more than one reply to a request.

    Otherwise aiohttp 3.14.5 takes what arrives between two requests for the reply to the second
    one, so that a follower would get the reply to another.
    """

    def is_connected(self) -> bool:
        return super().is_connected() and not self.should_close


def _session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    trace = aiohttp.TraceConfig()
    trace.on_connection_reuseconn.append(_note_reuse)
    return aiohttp.ClientSession(
        connector=connector,
        headers={"User-Agent": f"wechat_gateway/{__version__}", "Accept-Encoding": "identity"},
        skip_auto_headers=["Content-Type"],
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        read_bufsize=MAX_REPLY_BYTES,
        trace_configs=[trace],
    )


async def _note_reuse(_session: Any, context: SimpleNamespace, _params: Any) -> None:
    context.trace_request_ctx.is_reused = True


async def _post(
    session: aiohttp.ClientSession,
    url: URL,
    forwarded: Forwarded,
    connect_timeout: float,
    exchange: _Exchange,
) -> BackendReply:
    headers = dict(forwarded.headers)
    if forwarded.content_type:
        headers["Content-Type"] = forwarded.content_type
    response = await session.post(
        url,
        data=forwarded.body,
        headers=headers,
        allow_redirects=False,
        timeout=aiohttp.ClientTimeout(connect=connect_timeout),
        trace_request_ctx=exchange,
    )
    try:
        exchange.status = response.status
        return BackendReply(response.status, await _read(response))
    finally:
        response.close()  # closes the connection, unless the reply has been read to its end


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the body of a reply that can go to a follower; raise BackendFailure for others."""
    status = response.status
    if not 200 <= status <= 299:
        raise BackendFailure(_result_of_status(status), status)
    if (response.content_length or 0) > MAX_REPLY_BYTES:
        raise BackendFailure(DeliveryResult.REPLY_TOO_LARGE, status)
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_REPLY_BYTES:
            raise BackendFailure(DeliveryResult.REPLY_TOO_LARGE, status)
    if body and response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise BackendFailure(DeliveryResult.UNUSABLE_REPLY, status)
    return bytes(body)


def _result_of_status(status: int) -> DeliveryResult:
    if 300 <= status <= 399:
        return DeliveryResult.REDIRECT
    if status in CLIENT_ERRORS:
        return DeliveryResult.CLIENT_ERROR
    return DeliveryResult.SERVER_ERROR


def _result_of(error: Exception) -> DeliveryResult:
    match error:
        case aiohttp.ClientConnectorDNSError(os_error=_ForbiddenAddress()):
            return DeliveryResult.FORBIDDEN_ADDRESS
        case aiohttp.ClientConnectorDNSError():
            return DeliveryResult.NAME_NOT_FOUND
        case aiohttp.ClientSSLError():
            return DeliveryResult.TLS_FAILED
        case TimeoutError() | aiohttp.ClientConnectorError(os_error=TimeoutError()):
            return DeliveryResult.TIMEOUT
        case aiohttp.ClientConnectorError(os_error=os_error):
            is_lost = isinstance(os_error, ConnectionResetError | ConnectionAbortedError)
            return DeliveryResult.CONNECTION_LOST if is_lost else DeliveryResult.CONNECTION_REFUSED
        case aiohttp.ClientResponseError():
            return DeliveryResult.NOT_HTTP
        case ValueError():  # a URL that validate_backend_url() refuses
            return DeliveryResult.FORBIDDEN_ADDRESS
    return DeliveryResult.CONNECTION_LOST


class _ForbiddenAddress(OSError):
    """A name has only addresses that a backend must not have."""


class _Resolver(AbstractResolver):
    """Resolves names to allowed addresses. aiohttp connects to exactly these."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="resolver")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().run_in_executor(
            self._threads, _addresses, host, port, family
        )
        allowed = [address for address in found if is_allowed(host, port, address["host"])]
        if found and not allowed:
            raise _ForbiddenAddress
        return allowed

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str, port: int, family: socket.AddressFamily) -> list[ResolveResult]:
    try:
        found = socket.getaddrinfo(
            host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG
        )
    except UnicodeError:  # a label of more than 63 characters
        raise OSError from None
    return [
        ResolveResult(
            hostname=host,
            host=str(sockaddr[0]),
            port=port,
            family=kind,
            proto=proto,
            flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
        )
        for kind, _type, proto, _name, sockaddr in found
    ]
