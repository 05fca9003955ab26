from __future__ import annotations

import asyncio
import gzip
import logging
import socket
import ssl
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp.connector
import pytest

from verification.protocol.enums import DeliveryResult
from verification.relay.client import BackendClient, BackendFailure, Forwarded, forward_url
from verification.tests.support.fake_backend import (
    OK,
    Connection,
    answers,
    answers_once,
    backend_that,
)
from verification.tests.support.fake_server import self_signed

QUERY = b"signature=c0ffee&timestamp=1700000000&nonce=%41b%2f+c"
MESSAGE = b"<xml><Content><![CDATA[\xe4\xbd\xa0\xe5\xa5\xbd]]></Content></xml>"
HEADERS = {"webhook-id": "msg_1", "X-WeChat-Account": "city-mall"}


class Everywhere:
    """Stands for RELAY_PRIVATE_HOSTS with every host and port."""

    def __contains__(self, _pair: object) -> bool:
        return True


@pytest.fixture(autouse=True)
def private_hosts(settings: Any) -> None:
    settings.RELAY_PRIVATE_HOSTS = Everywhere()


def run(use: Callable[[BackendClient], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        backend_client = BackendClient()
        try:
            return await use(backend_client)
        finally:
            await backend_client.close()

    return asyncio.run(main())


def forwarded_to(url: str) -> Forwarded:
    return Forwarded(forward_url(url, QUERY), "text/xml; charset=utf-8", MESSAGE, HEADERS)


def send(url: str, *, times: int = 1, connect_timeout: float = 5, timeout: float = 10) -> Any:
    """Send the message; return the last reply."""

    async def use(backend_client: BackendClient) -> Any:
        for _number in range(times):
            reply = await backend_client.send(
                forwarded_to(url), connect_timeout=connect_timeout, timeout=timeout
            )
        return reply

    return run(use)


def failure(url: str, **options: Any) -> BackendFailure:
    with pytest.raises(BackendFailure) as caught:
        send(url, **options)
    assert caught.value.__context__ is None  # no text of the library, which may quote the URL
    assert "c0ffee" not in str(caught.value)
    return caught.value


def result(url: str, **options: Any) -> tuple[str, int | None]:
    failed = failure(url, **options)
    return failed.result.label, failed.status


# --- The request


def test_a_backend_gets_the_push_byte_for_byte() -> None:
    with backend_that(answers(OK)) as backend:
        reply = send(f"{backend.url}?app=1")

    [request] = backend.requests
    head, _blank, body = request.partition(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    assert first == b"POST /wechat?app=1&" + QUERY + b" HTTP/1.1"
    assert body == MESSAGE
    assert sorted(fields) == [
        b"Accept-Encoding: identity",
        b"Accept: */*",
        f"Content-Length: {len(MESSAGE)}".encode(),
        b"Content-Type: text/xml; charset=utf-8",
        f"Host: 127.0.0.1:{backend.port}".encode(),
        b"User-Agent: wechat_gateway/0.1",
        b"X-WeChat-Account: city-mall",
        b"webhook-id: msg_1",
    ]
    assert reply == (200, b"success")


def test_a_push_without_content_type_gets_none() -> None:
    with backend_that(answers(OK)) as backend:
        plain = forwarded_to(backend.url)._replace(content_type="", headers={})
        run(lambda sender: sender.send(plain, connect_timeout=5, timeout=10))

    assert b"content-type" not in backend.requests[0].lower()


@pytest.mark.parametrize(
    ("url", "query", "expected"),
    [
        ("https://a.cn", b"s=1", "https://a.cn/?s=1"),
        ("https://a.cn?x=1", b"s=1", "https://a.cn/?x=1&s=1"),
        ("https://a.cn/w", b"s=%2f%2F+a", "https://a.cn/w?s=%2f%2F+a"),
        ("https://a.cn/%7e/../w/?x=%zz", b"s=1", "https://a.cn/%7e/../w/?x=%zz&s=1"),
        ("https://a.cn/w?", b"s=1", "https://a.cn/w?s=1"),
        ("https://a.cn/w?x&", b"s=1", "https://a.cn/w?x&s=1"),
        ("https://a.cn/w", b"", "https://a.cn/w"),
        ("https://a.cn/w", b"s=1#x y\r\nZ:\xe4?", "https://a.cn/w?s=1%23x%20y%0D%0AZ:%E4?"),
    ],
)
def test_the_query_of_the_push_follows_that_of_the_backend(
    url: str, query: bytes, expected: str
) -> None:
    assert forward_url(url, query) == expected


def test_a_path_and_a_query_reach_the_backend_as_they_are_written() -> None:
    path = "/%7e/../a%2Fb/./w/?x=%zz&y=a;b|c"
    with backend_that(answers(OK)) as backend:
        send(backend.url.removesuffix("/wechat") + path)

    assert backend.requests[0].split(b" ")[1] == path.encode() + b"&" + QUERY


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    with backend_that(answers(OK)) as backend:
        assert send(backend.url) == (200, b"success")


# --- Connections


def test_a_connection_is_kept_for_the_next_message() -> None:
    with backend_that(answers(OK)) as backend:
        send(backend.url, times=3)

    assert (backend.connections, len(backend.requests)) == (1, 3)


def test_no_cookie_is_kept() -> None:
    cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=1\r\nContent-Length: 0\r\n\r\n"
    with backend_that(answers(cookie)) as backend:
        send(backend.url, times=2)

    assert len(backend.requests) == 2
    assert b"cookie" not in b"".join(backend.requests).lower()


def test_a_backend_that_restarts_costs_no_message() -> None:
    """It closes kept connections while requests are on them, and takes new ones."""

    def conversation(connection: Connection) -> None:
        connection.read_request()
        connection.send(OK)
        if connection.number <= 3 and connection.reader.peek(1):
            connection.reset()

    async def use(sender: BackendClient) -> list[Any]:
        push = forwarded_to(backend.url)
        at_once = [sender.send(push, connect_timeout=5, timeout=10) for _number in range(3)]
        await asyncio.gather(*at_once)
        again = [sender.send(push, connect_timeout=5, timeout=10) for _number in range(3)]
        return await asyncio.gather(*again)

    with backend_that(conversation) as backend:
        replies = run(use)

    assert replies == [(200, b"success")] * 3
    assert backend.connections == 6


def test_a_message_is_sent_twice_at_most() -> None:
    """A backend that reads every message and disconnects gets it again once, not for ever."""

    def conversation(connection: Connection) -> None:
        if connection.number == 1:
            connection.read_request()
            connection.send(OK)
        connection.read_request()

    with backend_that(conversation) as backend:
        assert result(backend.url, times=2) == ("connection_lost", None)

    assert (backend.connections, len(backend.requests)) == (2, 3)


@pytest.mark.parametrize("is_reset", [False, True])
def test_a_new_connection_that_is_lost_is_not_tried_again(is_reset: bool) -> None:
    def conversation(connection: Connection) -> None:
        connection.read_request()
        if is_reset:
            connection.reset()

    with backend_that(conversation) as backend:
        assert result(backend.url) == ("connection_lost", None)

    assert backend.connections == 1


@pytest.mark.parametrize("seconds", [0, 0.05])
def test_bytes_after_a_reply_are_no_reply_to_the_next_message(seconds: float) -> None:
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"

    def conversation(connection: Connection) -> None:
        while connection.read_request():
            connection.send(OK if seconds else OK + evil)
            time.sleep(seconds)
            if seconds:
                connection.send(evil)

    async def use(sender: BackendClient) -> list[Any]:
        replies = []
        for _number in range(3):
            push = forwarded_to(backend.url)
            replies.append(await sender.send(push, connect_timeout=5, timeout=10))
            await asyncio.sleep(2 * seconds)
        return replies

    with backend_that(conversation) as backend:
        assert run(use) == [(200, b"success")] * 3


# --- Replies


def with_body(body: bytes, *fields: str) -> bytes:
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", (200, b"")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", (204, b"")),
        (b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok", (202, b"ok")),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"4\r\nsucc\r\n3;x=y\r\ness\r\n0\r\nTrailer: 1\r\n\r\n",
            (200, b"success"),
        ),
        (b"HTTP/1.0 200 OK\r\n\r\nsuccess", (200, b"success")),
        (b"HTTP/1.1 200 OK\r\n\r\nsuccess", (200, b"success")),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
            (200, b"success"),
        ),
        (with_body(b"\xff\x00\r\n"), (200, b"\xff\x00\r\n")),
        (with_body(b"x" * 65_536), (200, b"x" * 65_536)),
        (with_body(b"success", "Content-Encoding: identity"), (200, b"success")),
        (with_body(b"", "Content-Encoding: gzip"), (200, b"")),
        (with_body(b"success")[:-4], None),  # shorter than it says
    ],
)
def test_a_reply_is_handed_back_byte_for_byte(reply: bytes, expected: Any) -> None:
    with backend_that(answers_once(reply)) as backend:
        if expected is None:
            assert result(backend.url) == ("connection_lost", 200)
        else:
            assert send(backend.url) == expected


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, "redirect") for status in (300, 301, 302, 304, 307, 308)),
        *((status, "client_error") for status in (400, 404, 410, 413, 422)),
        *((status, "server_error") for status in (401, 403, 405, 408, 425, 429, 500, 502, 503)),
        (599, "server_error"),
    ],
)
def test_a_status_other_than_2xx_is_a_failure(status: int, expected: str) -> None:
    body = "" if status == 304 else "no\n"
    reply = f"HTTP/1.1 {status} No\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    with backend_that(answers_once(reply)) as backend:
        failed = failure(backend.url)

    assert (failed.result.label, failed.status) == (expected, status)
    assert not failed.is_taken


def test_a_redirect_is_not_followed() -> None:
    with backend_that(answers(OK)) as other:
        for target in (other.url, "http://169.254.169.254/latest/meta-data/"):
            reply = f"HTTP/1.1 307 Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
            with backend_that(answers(reply.encode())) as backend:
                assert result(backend.url) == ("redirect", 307)

    assert other.connections == 0


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP, identity"])
def test_a_compressed_reply_is_not_decompressed(encoding: str) -> None:
    """Its 10 KB would become 10 MB."""
    bomb = gzip.compress(bytes(10_000_000))
    with backend_that(answers(with_body(bomb, f"Content-Encoding: {encoding}"))) as backend:
        failed = failure(backend.url)

    assert (failed.result.label, failed.status) == ("unusable_reply", 200)
    assert failed.is_taken


GIGABYTE = b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (GIGABYTE, bytes(65_536)),
        (ENDLESS, bytes(65_536)),
        (CHUNKED, b"1000\r\n" + bytes(4096) + b"\r\n"),
    ],
)
def test_a_long_reply_is_not_read_to_its_end(head: bytes, piece: bytes) -> None:
    disconnected = threading.Event()

    def conversation(connection: Connection) -> None:
        connection.read_request()
        connection.send(head)
        try:
            while True:
                connection.send(piece)
        finally:
            disconnected.set()

    with backend_that(conversation) as backend:
        assert result(backend.url) == ("reply_too_large", 200)
        assert disconnected.wait(2)

    assert backend.sent < 20_000_000  # most of it in the buffers of the two sockets


def test_a_reply_that_is_announced_as_too_long_is_not_waited_for() -> None:
    with backend_that(answers(GIGABYTE)) as backend:
        assert result(backend.url) == ("reply_too_large", 200)


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n",
    ],
)
def test_slow_bytes_do_not_extend_the_deadline(start: bytes) -> None:
    def conversation(connection: Connection) -> None:
        connection.read_request()
        connection.send(start)
        while not connection.backend.is_over.wait(0.02):
            connection.send(b"1" if start else b"")

    with backend_that(conversation) as backend:
        assert failure(backend.url, timeout=0.3).result == DeliveryResult.TIMEOUT
        backend.is_over.set()


def test_a_flood_of_interim_replies_ends_at_the_deadline() -> None:
    def conversation(connection: Connection) -> None:
        connection.read_request()
        while True:
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)

    with backend_that(conversation) as backend:
        assert result(backend.url, timeout=0.3) == ("timeout", None)


@pytest.mark.parametrize(
    "reply",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"success",
        b"\x00\xff\x15\x03\x01\x00\x02\x02\x46",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\nContent-Length: 8\r\n\r\nsuccess",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 " + b"x" * 10_000 + b"\r\n\r\n",
    ],
)
def test_what_is_not_http_is_no_reply(reply: bytes) -> None:
    with backend_that(answers_once(reply)) as backend:
        assert result(backend.url) == ("not_http", None)


def test_headers_without_end_are_not_read() -> None:
    def conversation(connection: Connection) -> None:
        connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.send(b"X: x\r\n" * 1000)

    with backend_that(conversation) as backend:
        assert result(backend.url) == ("not_http", None)

    assert backend.sent < 20_000_000


def test_malformed_chunks_are_a_failure() -> None:
    """Which one depends on whether the head arrives before them."""
    with backend_that(answers_once(CHUNKED + b"seven\r\nsuccess\r\n0\r\n\r\n")) as backend:
        assert result(backend.url) in [("not_http", None), ("connection_lost", 200)]


def test_a_reply_that_is_cut_off_by_a_reset_is_a_lost_connection() -> None:
    def conversation(connection: Connection) -> None:
        connection.read_request()
        connection.send(OK[:-3])
        time.sleep(0.05)
        connection.reset()

    with backend_that(conversation) as backend:
        assert result(backend.url) == ("connection_lost", 200)


# --- Connecting


def test_a_closed_port_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

    assert result(f"http://127.0.0.1:{port}/") == ("connection_refused", None)


def test_a_host_that_does_not_answer_takes_no_longer_than_the_connect_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with socket.create_connection(server.getsockname()), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(server.getsockname())
            assert result(url, connect_timeout=0.2, timeout=60) == ("timeout", None)


def test_an_untrusted_certificate_ends_the_connection(tmp_path: Path) -> None:
    with backend_that(answers(OK), self_signed(tmp_path / "untrusted.pem")) as backend:
        assert result(backend.url) == ("tls_failed", None)

    assert backend.requests == []


def test_a_trusted_certificate_is_accepted_for_its_host_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, expected in {"127.0.0.1": None, "127.0.0.2": "tls_failed"}.items():
        certificate = self_signed(tmp_path / f"{name}.pem", name=name)
        context = ssl.create_default_context(cafile=certificate)
        monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", context)
        with backend_that(answers(OK), certificate) as backend:
            if expected:
                assert result(backend.url) == (expected, None)
            else:
                assert send(backend.url, times=2) == (200, b"success")
                assert backend.connections == 1


def test_https_to_a_port_that_speaks_http_fails() -> None:
    def conversation(connection: Connection) -> None:
        connection.socket.recv(1000)
        connection.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with backend_that(conversation) as backend:
        assert result(backend.url.replace("http:", "https:")) == ("tls_failed", None)


def test_the_library_logs_nothing(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """The URL holds the signature."""
    caplog.set_level(logging.DEBUG)
    cookie = b"HTTP/1.1 200 OK\r\nSet-Cookie: =;;bad\r\nContent-Length: 7\r\n\r\nsuccess"
    with backend_that(answers(cookie)) as backend:
        send(backend.url, times=2)
    for reply in (b"", b"nonsense", GIGABYTE, OK[:-1], CHUNKED + b"x\r\n"):
        with backend_that(answers_once(reply)) as backend:
            failure(backend.url)
    with backend_that(answers(OK), self_signed(tmp_path / "untrusted.pem")) as backend:
        failure(backend.url)
    failure("http://nowhere.invalid/")

    names = {record.name for record in caplog.records}
    assert names <= {"asyncio"}
    assert "c0ffee" not in caplog.text
