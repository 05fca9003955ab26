"""What a client may send, and how slowly, without a proxy in front."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import uvloop
from uvicorn.config import Config
from uvicorn.server import ServerState

from wechat_gateway import http_protocol
from wechat_gateway.http_protocol import (
    MAX_HEAD_SIZE,
    MAX_PIPELINED,
    MAX_REQUEST_SIZE,
    LimitedProtocol,
)

Client = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]
Talk = Callable[[Client], bytes]


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer the number of bytes of the body; at /large, with many; at /slow, a little later.

    At /parts, answer with many bytes in parts, as Django does with files.
    """
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message["body"])
        more = message["more_body"]
    if scope["path"] == "/slow":
        await asyncio.sleep(0.1)
    is_large = scope["path"] in {"/large", "/parts"}
    body = b"x" * 20_000_000 if is_large else str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if scope["path"] == "/parts":
        for start in range(0, len(body), 100_000):
            part = body[start : start + 100_000]
            await send({"type": "http.response.body", "body": part, "more_body": True})
        body = b""
    await send({"type": "http.response.body", "body": body})


@pytest.fixture
def _short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    for deadline in ("HEAD_DEADLINE", "BODY_DEADLINE", "WRITE_DEADLINE"):
        monkeypatch.setattr(http_protocol, deadline, 1)


hurried = pytest.mark.usefixtures("_short_deadlines")


@pytest.fixture
def talk() -> Iterator[Talk]:
    """Provide a function that connects a client to a server, and returns what the client does."""
    state = ServerState()

    async def run(client: Client) -> bytes:
        config = Config(application, log_config=None)
        config.load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: LimitedProtocol(config, state, {}), "127.0.0.1", 0
        )
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        async with asyncio.timeout(60):
            answer = await client(reader, writer)
        writer.close()
        server.close()
        return answer

    def run_on_uvloop(client: Client) -> bytes:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(run(client))

    yield run_on_uvloop
    assert not state.connections


def sending(*chunks: bytes, pause: float = 0.0) -> Client:
    """Return a client that sends the chunks, and reads until the server closes the connection."""

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        try:
            for chunk in chunks:
                writer.write(chunk)
                await writer.drain()
                await asyncio.sleep(pause)
            return await reader.read()
        except ConnectionError:
            return b"reset"

    return client


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def test_a_head_that_never_ends_is_refused(talk: Talk) -> None:
    filler = b"x" * 16_384
    answer = talk(sending(b"GET / HTTP/1.1\r\nCookie: ", *[filler] * 5, pause=0.01))

    assert status(answer) == 431


@pytest.mark.parametrize(("excess", "expected"), [(0, 200), (1, 431)])
def test_a_head_may_have_64_kib(talk: Talk, excess: int, expected: int) -> None:
    start, end = b"POST / HTTP/1.0\r\nContent-Length: 90000\r\nCookie: ", b"\r\n\r\n"
    filler = b"x" * (MAX_HEAD_SIZE - len(start + end) + excess)
    head = start + filler + end

    answer = talk(sending(head[:-1], head[-1:] + b"b" * 90_000, pause=0.05))
    assert status(answer) == expected


@pytest.mark.parametrize(
    "line",
    [
        "GET /wechat/city-mall?signature=0a\uff06timestamp=1 HTTP/1.1",
        "POST /wechat/\u57ce\u5e02 HTTP/1.0",
    ],
)
def test_a_url_that_is_not_ascii_is_refused_with_the_reason(talk: Talk, line: str) -> None:
    answer = talk(sending(f"{line}\r\nHost: wx.example.cn\r\n\r\n".encode()))

    assert status(answer) == 400
    assert answer.endswith(
        b"\r\n\r\nThe URL has characters that are not ASCII: percent-encode them, and join "
        b"parameters with &."
    )
    assert "\uff06".encode() not in answer


@pytest.mark.parametrize(
    "head",
    [
        b"\x16\x03\x01\x02 \x80\xff\x00\r\n\r\n",  # TLS
        b"GET / HTTP/1.1\r\nNam\xc3\xa9: x\r\n\r\n",
    ],
)
def test_another_malformed_request_is_not_blamed_on_its_url(talk: Talk, head: bytes) -> None:
    answer = talk(sending(head))

    assert status(answer) == 400
    assert answer.endswith(b"\r\n\r\nInvalid HTTP request received.")


def test_trailers_that_never_end_are_refused(talk: Talk) -> None:
    head = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nb\r\n0\r\nTrailer: "
    answer = talk(sending(head, *[b"x" * 65_536] * (1 + MAX_REQUEST_SIZE // 65_536)))

    assert status(answer) == 413


@hurried
@pytest.mark.parametrize(
    ("start", "expected"),
    [
        (b"", b""),
        (b"GET / HTTP/1.1\r\nHost:", b"HTTP/1.1 408 "),
        (b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nbody", b"HTTP/1.1 408 "),
        (b"GET / HTTP/1.1\r\n\r\nGET /", b"HTTP/1.1 200 "),
    ],
    ids=["nothing", "half a head", "half a body", "half a second request"],
)
def test_a_connection_that_stays_silent_is_closed(
    talk: Talk, start: bytes, expected: bytes
) -> None:
    assert talk(sending(start)).startswith(expected)


@hurried
def test_a_head_that_arrives_byte_by_byte_is_not_waited_for(talk: Talk) -> None:
    request = b"GET / HTTP/1.1\r\nHost: wx.example.cn\r\n\r\n"
    answer = talk(sending(*[bytes([byte]) for byte in request], pause=0.04))

    assert answer == b"reset" or status(answer) == 408


def test_a_client_that_closes_its_half_gets_its_answer(talk: Talk) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET /slow HTTP/1.1\r\n\r\n")
        writer.write_eof()
        return await reader.read()

    assert status(talk(client)) == 200


def test_a_client_that_closes_its_half_amid_a_request_is_disconnected(talk: Talk) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nbody")
        writer.write_eof()
        return await reader.read()

    assert talk(client) == b""


@hurried
def test_a_client_that_does_not_read_is_disconnected(talk: Talk) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        wire: socket.socket = writer.get_extra_info("socket")
        writer.write(b"GET /large HTTP/1.1\r\n\r\n")
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(3)
        reader._transport.resume_reading()  # type: ignore[attr-defined]
        assert wire.fileno() > 0
        try:
            return await reader.read()
        except ConnectionError:
            return b""

    assert len(talk(client)) < 20_000_000


@hurried
def test_requests_after_one_another_have_a_deadline_each(talk: Talk) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        answers = b""
        for _ in range(4):
            writer.write(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbody")
            answers += await reader.readuntil(b"\r\n\r\n4")
            await asyncio.sleep(0.4)
        return answers

    assert talk(client).count(b" 200 ") == 4


@hurried
def test_a_client_that_reads_slowly_gets_all_of_its_answer(talk: Talk) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET /large HTTP/1.0\r\n\r\n")
        answer = b""
        while piece := await reader.read(400_000):
            answer += piece
            await asyncio.sleep(0.025)
        return answer

    assert len(talk(client)) > 20_000_000


def test_requests_that_do_not_wait_for_answers_are_answered_in_order(talk: Talk) -> None:
    request = b"POST /slow HTTP/1.1\r\nContent-Length: %d\r\n\r\n%s"
    requests = [request % (size, b"x" * size) for size in range(8)]
    last = b"POST / HTTP/1.0\r\nContent-Length: 8\r\n\r\n12345678"
    answer = talk(sending(b"".join(requests) + last))

    assert [int(body[:1]) for body in answer.split(b"\r\n\r\n")[1:]] == [*range(9)]


def test_a_client_that_leaves_before_its_first_of_many_answers_leaves_no_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """uvloop, which the server uses, raises an error for each answer to a closed connection."""
    config = Config(application, log_config=None)
    config.load()

    async def leave() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: LimitedProtocol(config, ServerState(), {}), "127.0.0.1", 0
        )
        address = server.sockets[0].getsockname()
        for count in (2, MAX_PIPELINED + 2):
            _reader, writer = await asyncio.open_connection(*address)
            writer.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n" * count)
            await asyncio.sleep(0.05)
            writer.transport.abort()
        await asyncio.sleep(0.3)
        server.close()

    uvloop.run(leave())

    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []


def test_thousands_of_requests_that_do_not_wait_for_answers_are_not_kept(talk: Talk) -> None:
    answer = talk(sending(b"GET /slow HTTP/1.1\r\n\r\n" * 10_000))

    assert answer in (b"", b"reset") or answer.count(b" 200 ") <= 1


def test_a_client_that_leaves_amid_an_answer_makes_no_traceback(
    talk: Talk, caplog: pytest.LogCaptureFixture
) -> None:
    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"GET /parts HTTP/1.1\r\n\r\n" * 4)
        await reader.readexactly(1_000)
        writer.transport.abort()
        await asyncio.sleep(0.5)
        return b""

    talk(client)
    assert "Exception in ASGI application" not in caplog.text


def test_of_many_clients_that_do_not_read_the_first_is_disconnected(
    talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "MAX_UNREAD", 2)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        others = [
            await asyncio.open_connection(*writer.get_extra_info("peername")) for _ in range(2)
        ]
        streams = [(reader, writer), *others]
        for its_reader, its_writer in streams:
            its_writer.write(b"GET /large HTTP/1.0\r\n\r\n")
            its_reader._transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(0.3)
        sizes = []
        for its_reader, its_writer in streams:
            its_reader._transport.resume_reading()  # type: ignore[attr-defined]
            try:
                sizes.append(len(await its_reader.read()))
            except ConnectionError:
                sizes.append(0)
            its_writer.close()
        return b" ".join(b"all" if size > 20_000_000 else b"part" for size in sizes)

    assert talk(client) == b"part all all"


def test_a_client_that_resets_its_connection_hides_its_address_from_no_application() -> None:
    async def collect() -> list[Any]:
        clients = []

        async def remember(scope: Any, receive: Any, send: Any) -> None:
            clients.append(scope["client"])
            await application(scope, receive, send)

        config = Config(remember, log_config=None)
        config.load()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: LimitedProtocol(config, ServerState(), {}), "127.0.0.1", 0
        )
        await asyncio.to_thread(send_and_reset, server.sockets[0].getsockname(), 300)
        await asyncio.sleep(0.5)
        server.close()
        return clients

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        clients = runner.run(collect())
    assert None not in clients


def send_and_reset(address: tuple[str, int], times: int) -> None:
    for _ in range(times):
        with socket.create_connection(address) as wire:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
