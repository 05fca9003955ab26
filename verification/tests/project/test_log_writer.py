"""The log's lines never hold up an answer, whoever reads them."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest
from django.conf import settings

from verification.models import OfficialAccount, Tally
from verification.tests.support.adapter import A
from verification.tests.support.gunicorn import Gunicorn, free_port, start, wait_until_healthy
from verification.tests.support.signer import push
from wechat_gateway import log_writer
from wechat_gateway.log_writer import LineWriter


class Pipe:
    """A pipe of 4 KiB that nobody reads until read() is called."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 4096)

    def read(self) -> list[str]:
        """Read until every writer is closed, and return the lines."""
        with open(self.reader, encoding="utf-8", closefd=False) as file:
            return file.read().splitlines()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    for descriptor in (pipe.reader, pipe.writer):
        with suppress(OSError):  # closed by the test
            os.close(descriptor)


# --- A real server


@contextmanager
def gunicorn_that_writes_to(pipe: Pipe, tmp_path: Path) -> Iterator[Gunicorn]:
    port = free_port()
    with open(pipe.writer, "wb") as output:
        # The parent must not hold the writing end, or read() would never end.
        process = start(output, str(settings.BASE_DIR), PORT=str(port), WEB_CONCURRENCY="1")
    try:
        (tmp_path / "output").touch()
        wait_until_healthy(process, port, tmp_path / "output")
        yield Gunicorn(process, port, tmp_path / "output")
    finally:
        process.terminate()
        process.wait(timeout=30)


PUSH = f"POST /wechat/brand-a?{push(A)} HTTP/1.0\r\nContent-Length: 0\r\n\r\n".encode()


@pytest.mark.django_db(transaction=True)
def test_a_server_answers_while_nobody_reads_its_lines_and_loses_none_when_it_stops(
    brand_a: OfficialAccount, pipe: Pipe, tmp_path: Path
) -> None:
    lines: list[str] = []
    late_reader = Thread(target=lambda: lines.extend(pipe.read()))
    with gunicorn_that_writes_to(pipe, tmp_path) as server:
        for _ in range(40):
            assert server.send(PUSH).endswith(b"success")
        assert server.send(b"GET /healthz HTTP/1.0\r\n\r\n").endswith(b"ok")
        assert server.send(b"GET / HTTP/1.0\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.1 200")
        late_reader.start()
    late_reader.join(timeout=10)

    events = [json.loads(line).get("event") for line in lines]
    assert events.count("attempt") == 40
    assert Tally.objects.get().count == 40


@pytest.mark.django_db(transaction=True)
def test_a_server_whose_lines_nobody_reads_stops_in_time(
    brand_a: OfficialAccount, pipe: Pipe, tmp_path: Path
) -> None:
    with gunicorn_that_writes_to(pipe, tmp_path) as server:
        for _ in range(40):
            assert server.send(PUSH).endswith(b"success")
        server.process.terminate()

        assert server.process.wait(timeout=2 * log_writer.STALL_DEADLINE + 4) == 0


# --- The writer alone


def make_writer(pipe: Pipe) -> LineWriter:
    return LineWriter(pipe.writer, is_open=True)


def finish(writer: LineWriter, pipe: Pipe) -> list[str]:
    """Read what the writer has queued, and return all lines."""
    lines: list[str] = []
    reader = Thread(target=lambda: lines.extend(pipe.read()))
    reader.start()
    writer.flush()
    os.close(pipe.writer)
    reader.join(timeout=10)
    return lines


def test_dropped_lines_are_counted_as_soon_as_the_reader_has_caught_up(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "MAX_QUEUED", 10_000)
    writer = make_writer(pipe)
    for number in range(1500):
        writer.put(f"line {number:04}")
    kept = finish(writer, pipe)
    notice = json.loads(kept.pop())

    assert 1000 <= len(kept) < 1500
    assert kept == [f"line {number:04}" for number in range(len(kept))]
    assert notice["levelname"] == "WARNING"
    assert notice["dropped_lines"] == 1500 - len(kept)
    assert notice["message"].startswith(f"{1500 - len(kept)} log lines were dropped")


def test_a_record_of_many_lines_counts_as_many(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "MAX_QUEUED", 10)
    writer = make_writer(pipe)
    writer.put("x" * 9000)  # longer than the queue and the pipe
    writer.put("a\nb\nc")

    assert [len(line) for line in finish(writer, pipe)[:1]] == [9000]
    assert writer.dropped == 0  # the line that says so was written


def test_lines_of_several_writers_never_mix(pipe: Pipe) -> None:
    writers = [make_writer(pipe) for _ in range(4)]
    for number in range(200):
        for letter, writer in zip("abcd", writers, strict=True):
            writer.put("\n".join([letter * 150] * (number % 40)))
    lines: list[str] = []
    reader = Thread(target=lambda: lines.extend(pipe.read()))
    reader.start()
    for writer in writers:
        writer.flush()
    os.close(pipe.writer)
    reader.join(timeout=10)

    assert {line for line in lines if line} == {letter * 150 for letter in "abcd"}


def test_a_reader_that_has_gone_is_no_error_and_is_counted(pipe: Pipe) -> None:
    os.close(pipe.reader)
    writer = make_writer(pipe)
    writer.put("one\ntwo")
    writer.flush()

    assert writer.dropped == 2


def test_a_non_blocking_pipe_gets_every_line(pipe: Pipe) -> None:
    os.set_blocking(pipe.writer, False)
    writer = make_writer(pipe)
    for number in range(2000):
        writer.put(f"line {number}")

    assert finish(writer, pipe) == [f"line {number}" for number in range(2000)]


def test_a_closed_standard_output_gets_nothing() -> None:
    writer = LineWriter(1, is_open=False)
    writer.put("nobody can read this")
    writer.flush()

    assert writer.thread is None


def test_a_forked_process_writes_its_own_lines_and_not_those_of_its_parent() -> None:
    code = """
import logging, os
from wechat_gateway.log_writer import QueuedHandler
logging.getLogger().addHandler(QueuedHandler("stdout"))
for number in range(100):
    logging.warning("parent %s", number)
child = os.fork()
for number in range(100):
    logging.warning("%s %s", "parent" if child else "child", number + 100)
if child:
    os.waitpid(child, 0)
"""
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    expected = [f"parent {number}" for number in range(200)]
    expected += [f"child {number}" for number in range(100, 200)]
    assert sorted(run.stdout.splitlines()) == sorted(expected)
