"""Floods, each sent by a process of its own, so that they do not delay the client that is measured.

A flood is a coroutine that goes on until it is cancelled, and counts the statuses of its answers.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import random
import re
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any, NamedTuple

import uvloop

from verification.tests.fire.support.load_generator import Connection
from verification.tests.fire.support.processes import call_with_django
from verification.tests.support.adapter import B
from verification.tests.support.signer import verification

Statuses = Counter[int]
#: Takes the port of the server, and where to count.
Flood = Callable[[int, Statuses], Awaitable[None]]


class Strangers:
    """Holds what a flood got, once it has ended."""

    def __init__(self) -> None:
        self.statuses: Statuses = Counter()
        self.seconds = 0.0

    @property
    def answered(self) -> int:
        """Return the number of answers that are on record."""
        return sum(n for status, n in self.statuses.items() if status not in (0, 503))

    @property
    def unclear(self) -> int:
        return self.statuses[503] + self.statuses[0]


@contextmanager
def strangers(flood: Flood, port: int) -> Iterator[Strangers]:
    """Run the flood until the block ends."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    arguments = (pickle.dumps(run), pickle.dumps(flood), port, theirs)
    process = context.Process(target=call_with_django, args=arguments, daemon=True)
    process.start()
    found, started = Strangers(), time.monotonic()
    try:
        yield found
    finally:
        ours.send("stop")
        found.statuses = ours.recv() if ours.poll(60) else Counter()
        found.seconds = time.monotonic() - started
        process.join(10)
        process.kill()


def run(pickled: bytes, port: int, pipe: Any) -> None:
    flood: Flood = pickle.loads(pickled)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    statuses: Statuses = Counter()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run_until_told(flood(port, statuses), pipe))
    pipe.send(statuses)


async def run_until_told(flood: Awaitable[None], pipe: Any) -> None:
    """Run the flood. Requests that are under way when it ends are waited for, to be counted."""
    task = asyncio.ensure_future(flood)
    while not pipe.poll() and not task.done():
        await asyncio.sleep(0.1)
    if task.done():
        await task
    STOPPING.set()
    with suppress(asyncio.CancelledError, TimeoutError):
        await asyncio.wait_for(task, 30)


#: Set in the process of a flood when it shall end.
STOPPING = asyncio.Event()


async def clients(number: int, client: Callable[[], Awaitable[None]]) -> None:
    """Run this many clients until the flood stops, each again when it has ended."""

    async def again() -> None:
        while not STOPPING.is_set():
            with suppress(OSError, EOFError, asyncio.TimeoutError):
                await client()

    await asyncio.gather(*[again() for _ in range(number)])


async def nobody(port: int, statuses: Statuses) -> None:
    """Send nothing."""
    while not STOPPING.is_set():
        await asyncio.sleep(0.1)


# --- Callbacks


class WrongWay(NamedTuple):
    method: str
    token: str = B
    parameter: str = ""  #: the one that is wrong, besides the signature
    change: str = ""  #: how its name and its equals sign are spelled

    def query(self, nonce: str) -> str:
        query = verification(self.token, nonce=nonce)
        return query.replace(f"{self.parameter}=", self.change) if self.parameter else query


def wrong_ways() -> Iterator[WrongWay]:
    """Yield requests that are each refused in another way."""
    for method in ("GET", "POST"):
        yield WrongWay(method)
        yield WrongWay(method, token="")
        for name in ("signature", "timestamp", "nonce", "echostr"):
            for change in (f"no_{name}=", f"{name}=1&{name}=", f"{name}=%C3%A9"):
                yield WrongWay(method, parameter=name, change=change)
    for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"):
        yield WrongWay(method)


WRONG_WAYS = [*wrong_ways()]


@dataclass(frozen=True)
class UnlikeRefusals:
    """Sends refusals that differ in account, reason and detail. It is called in its process."""

    sources: int
    accounts: int
    rate: int = 2_000  #: a second

    async def __call__(self, port: int, statuses: Statuses) -> None:
        started, numbers = time.monotonic(), count()

        async def client() -> None:
            connection = Connection(port)
            while not STOPPING.is_set():
                number = next(numbers)
                await asyncio.sleep(started + number / self.rate - time.monotonic())
                status, _body = await connection.ask(self.request(number))
                statuses[status] += 1
            connection.close()

        await clients(512, client)

    def request(self, number: int) -> bytes:
        chance = random.Random(number)
        source = chance.randrange(self.sources)
        wrong = chance.choice(WRONG_WAYS)
        agent = chance.choice(["Mozilla/4.0", "curl/8.5.0"])
        return (
            f"{wrong.method} /wechat/brand-{chance.randrange(self.accounts)}"
            f"?{wrong.query(str(number))} HTTP/1.1\r\nHost: wx.example.cn\r\n"
            f"User-Agent: {agent}\r\nContent-Length: 0\r\n"
            f"X-Forwarded-For: 203.{source >> 16}.{source >> 8 & 255}.{source & 255}\r\n\r\n"
        ).encode()


@dataclass(frozen=True)
class UnsignedPushes:
    """Sends pushes of WeCom with made-up signatures, which cover the message. From 40 clients."""

    path: str
    size: int  #: of the encrypted text, in bytes

    async def __call__(self, port: int, statuses: Statuses) -> None:
        body = f"<xml><Encrypt>{'A' * self.size}</Encrypt></xml>".encode()
        numbers = count()

        async def client() -> None:
            connection = Connection(port)
            while not STOPPING.is_set():
                query = f"msg_signature={'0' * 40}&timestamp=1&nonce={next(numbers)}"
                head = (
                    f"POST {self.path}?{query} HTTP/1.1\r\nHost: wx.example.cn\r\n"
                    f"Content-Type: text/xml\r\nContent-Length: {len(body)}\r\n\r\n"
                )
                status, _body = await connection.ask(head.encode() + body)
                statuses[status] += 1
            connection.close()

        await clients(40, client)


# --- Pages


async def readiness(port: int, statuses: Statuses) -> None:
    """Ask /readyz from 8 clients, without a pause."""

    async def client() -> None:
        connection = Connection(port)
        while not STOPPING.is_set():
            status, _ = await connection.ask(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            statuses[status] += 1
        connection.close()

    await clients(8, client)


async def wrong_passwords(port: int, statuses: Statuses) -> None:
    """Try passwords of one user, who is locked soon, from 8 clients."""
    page = "/admin/login/"
    await asyncio.gather(*[post_again(port, statuses, page, {}, WRONG) for _ in range(8)])


async def wrong_codes(port: int, statuses: Statuses) -> None:
    """Enter the password, and then wrong codes in that session, from 8 clients."""
    cookies: dict[str, str] = {}
    page = await fetch(port, "GET", "/admin/login/", cookies)
    form = {**RIGHT, "csrfmiddlewaretoken": csrf_token(page)}
    await fetch(port, "POST", "/admin/login/", cookies, form)
    assert any(name.endswith("sessionid") for name in cookies), "the password was refused"
    page = "/admin/second-factor/"
    code = {"code": "000000"}
    await asyncio.gather(*[post_again(port, statuses, page, cookies, code) for _ in range(8)])


WRONG = {"username": "li.wei", "password": "wrong horse battery"}
RIGHT = {"username": "li.wei", "password": "correct horse battery"}


async def post_again(
    port: int, statuses: Statuses, path: str, cookies: dict[str, str], form: dict[str, str]
) -> None:
    """Post a form until the flood stops, as a browser with cookies of its own does."""
    cookies = {**cookies}
    token = csrf_token(await fetch(port, "GET", path, cookies))
    while not STOPPING.is_set():
        answer = await fetch(port, "POST", path, cookies, {**form, "csrfmiddlewaretoken": token})
        statuses[int(answer[9:12] or 0)] += 1


async def fetch(
    port: int, method: str, path: str, cookies: dict[str, str], form: dict[str, str] | None = None
) -> str:
    """Return the whole answer, and put its cookies into `cookies`."""
    body = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in (form or {}).items())
    cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"{method} {path} HTTP/1.0\r\nHost: localhost\r\nCookie: {cookie}\r\n"
        "X-Forwarded-For: 203.0.113.9\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    async with asyncio.timeout(30):
        answer = (await reader.read()).decode()
    writer.close()
    head = answer.partition("\r\n\r\n")[0]
    cookies.update(re.findall(r"(?im)^set-cookie: ([^=]+)=([^;]*)", head))
    return answer


def csrf_token(page: str) -> str:
    found = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert found, page[:500]
    return found[1]


# --- Connections


async def endless_heads(port: int, statuses: Statuses) -> None:
    """Send heads that never end, as fast as the server reads them, from 8 clients."""

    async def client() -> None:
        await send_until_closed(port, statuses, b"GET / HTTP/1.1\r\nCookie: ", b"x" * 65_536)

    await clients(8, client)


async def uploads(port: int, statuses: Statuses) -> None:
    """Upload a gigabyte to the sign-in page, from 4 clients."""
    head = (
        b"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
        b'Content-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    )

    async def client() -> None:
        await send_until_closed(port, statuses, head, b"x" * 65_536)

    await clients(4, client)


async def slow_heads(port: int, statuses: Statuses) -> None:
    """Send a byte of a head each second, over 500 connections."""

    async def client() -> None:
        await send_until_closed(port, statuses, b"GET / HTTP/1.1\r\nCookie: ", b"x", pause=1)

    await clients(500, client)


async def send_until_closed(
    port: int, statuses: Statuses, start: bytes, more: bytes, pause: float = 0
) -> None:
    """Send `start`, and then `more` again and again, until the server has answered or closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.ensure_future(reader.read(65_536))
    try:
        writer.write(start)
        while not answer.done() and not STOPPING.is_set():
            writer.write(more)
            await writer.drain()
            await asyncio.sleep(pause)
        if answer.done():
            statuses[int(answer.result()[9:12] or 0)] += 1
    finally:
        answer.cancel()
        writer.transport.abort()


async def no_reading(port: int, statuses: Statuses) -> None:
    """Ask for a large file again and again, over 200 connections, and read nothing."""
    request = b"GET /static/admin/js/vendor/jquery/jquery.js HTTP/1.1\r\nHost: localhost\r\n\r\n"

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
        reader._transport.pause_reading()  # type: ignore[attr-defined]
        try:
            while not writer.transport.is_closing() and not STOPPING.is_set():
                writer.write(request * 8)
                async with asyncio.timeout(30):
                    await writer.drain()
                await asyncio.sleep(0.5)
            statuses[0] += 1
        finally:
            writer.transport.abort()

    await clients(200, client)
