from __future__ import annotations

import gzip
import logging
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from verification.protocol.enums import DeliveryResult
from verification.tests.support.backend_client import (
    failure,
    result,
    send,
)
from verification.tests.support.fake_server import self_signed
from verification.tests.support.scripted_backend import (
    OK,
    Connection,
    answers,
    answers_once,
    backend_that,
)

pytestmark = pytest.mark.usefixtures("private_hosts")


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
        assert disconnected.wait(10)

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
