from __future__ import annotations

import asyncio
import socket
import ssl
import time
from pathlib import Path
from typing import Any

import aiohttp.connector
import pytest

from verification.relay.client import BackendClient, forward_url
from verification.tests.support.backend_client import (
    MESSAGE,
    QUERY,
    forwarded_to,
    result,
    run,
    send,
)
from verification.tests.support.fake_server import self_signed
from verification.tests.support.scripted_backend import (
    OK,
    Connection,
    answers,
    backend_that,
)

pytestmark = pytest.mark.usefixtures("private_hosts")


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


def test_a_url_with_chinese_characters_is_encoded() -> None:
    """As they are, many servers refuse them."""
    expected = "https://b.cn/%E5%BE%AE%E4%BF%A1?a=%E4%BD%A0&b=1"
    assert forward_url("https://b.cn/微信?a=你", b"b=1") == expected


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
            connection.backend.is_over.set()

    async def use(sender: BackendClient) -> list[Any]:
        replies = []
        for _number in range(3):
            push = forwarded_to(backend.url)
            replies.append(await sender.send(push, connect_timeout=5, timeout=10))
            await asyncio.to_thread(backend.is_over.wait, 10)
            backend.is_over.clear()
            await asyncio.sleep(seconds)
        return replies

    with backend_that(conversation) as backend:
        assert run(use) == [(200, b"success")] * 3


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
