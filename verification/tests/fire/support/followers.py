"""Followers who write to an account, each the next message only after the answer to the last."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

import uvloop

from verification.tests.fire.support.load_generator import Connection
from verification.tests.support.adapter import A
from verification.tests.support.messages import text_message
from verification.tests.support.signer import push

#: WeChat waits so many seconds for an answer, and sends a message so many times.
WECHAT_TIMEOUT, WECHAT_ATTEMPTS = 5, 3
#: Seconds between two attempts after an answer other than `success`.
RESEND_DELAY = 0.5

_nonces = count(10**9)


class Sent(NamedTuple):
    """A message that WeChat has sent, until it was taken or WeChat gave up."""

    follower: int
    number: int
    statuses: list[int]  #: of each attempt; 0 if there was no answer
    slowest: float  #: seconds of the slowest attempt

    @property
    def is_answered(self) -> bool:
        return self.statuses[-1] == 200


def raw_push(follower: int, number: int, *, slug: str = "brand-a", token: str = A) -> bytes:
    """Return a POST as WeChat sends it; each attempt is signed again, with the same MsgId."""
    body = text_message(
        f"{follower} {number}", msg_id=f"{follower:09}{number:09}", from_user=f"oFollower{follower}"
    )
    return (
        f"POST /wechat/{slug}?{push(token, nonce=str(next(_nonces)))} HTTP/1.1\r\n"
        f"Host: wx.example.cn\r\nUser-Agent: Mozilla/4.0\r\nContent-Type: text/xml\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


class Followers:
    """Sends `limit` messages from a thread. Each client serves followers of its own, in turn."""

    def __init__(
        self, port: int, *, clients: int, followers: int, limit: int, pause: float
    ) -> None:
        self.port, self.clients, self.followers, self.limit = port, clients, followers, limit
        self.pause = pause
        self.released = 0
        self.sent: list[Sent] = []
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Followers:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.thread.join()

    def release(self, number: int) -> None:
        """Let so many messages be sent, so that the load does not end before the faults do."""
        self.released = number

    @property
    def is_running(self) -> bool:
        return self.thread.is_alive()

    def wait_for_progress(self, number: int, *, seconds: float) -> None:
        """Wait until so many messages have been sent, or all, or until the time is over."""
        end = time.monotonic() + seconds
        while self.is_running and len(self.sent) < number and time.monotonic() < end:
            time.sleep(0.02)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._run_clients())

    async def _run_clients(self) -> None:
        self.left = iter(range(self.limit))
        await asyncio.gather(*map(self._run_client, range(self.clients)))

    async def _run_client(self, client: int) -> None:
        connection = Connection(self.port)
        messages = self._messages_of(client)
        for _ in self.left:
            while len(self.sent) >= self.released:
                await asyncio.sleep(0.01)
            self.sent.append(await send(connection, *next(messages)))
            await asyncio.sleep(self.pause)
        connection.close()

    def _messages_of(self, client: int) -> Iterator[tuple[int, int]]:
        for number in count():
            for follower in range(client, self.followers, self.clients):
                yield follower, number


async def send(connection: Connection, follower: int, number: int) -> Sent:
    """Send a message as WeChat does, until it is taken, three times at most."""
    statuses: list[int] = []
    slowest = 0.0
    while 200 not in statuses and len(statuses) < WECHAT_ATTEMPTS:
        if statuses:
            await asyncio.sleep(RESEND_DELAY)
        begun = time.monotonic()
        statuses.append(await attempt(connection, raw_push(follower, number)))
        slowest = max(slowest, time.monotonic() - begun)
    return Sent(follower, number, statuses, slowest)


async def attempt(connection: Connection, raw: bytes) -> int:
    try:
        async with asyncio.timeout(WECHAT_TIMEOUT):
            status, _body = await connection.ask(raw)
            return status
    except TimeoutError:
        connection.close()
        return 0
