"""The ASGI adapter: answers callbacks and /healthz, and passes all other requests to Django.

Django would refuse an unknown Host, or more than 1,000 parameters, before a view could record the
attempt.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from django.conf import settings

from verification.callbacks.deadlines import ANSWER_DEADLINE, BODY_DEADLINE, HOLD_DEADLINE
from verification.callbacks.group_commit import GroupCommit
from verification.callbacks.log_lines import log_unrecorded
from verification.callbacks.recording import Unrecorded
from verification.keys import self_test_key
from verification.protocol.callback import Callback, parse_callback
from verification.protocol.reply import (
    HEALTHY,
    SAFE_HEADERS,
    TOO_LARGE,
    TRY_AGAIN,
    Reply,
    Verdict,
    reply_to,
)
from verification.protocol.request import KNOWN_HEADERS, MAX_BODY_SIZE, Request, path_slug, unquote
from verification.relay.forward import Relay
from verification.relay.writer import SpoolWriter

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

#: Bytes of the bodies that a process holds until their callbacks are answered. WeChat's are a few
#: kilobytes, but anyone can send larger ones.
MAX_BODY_BYTES = 64 * MAX_BODY_SIZE
#: Connections that a process leaves without an answer at a time; see CallbackEndpoint.hold().
MAX_HELD = 1_000

RAW_NAMES = {name.encode(): name for name in KNOWN_HEADERS}


def encode_headers(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


RAW_SAFE_HEADERS = encode_headers(SAFE_HEADERS)


class BodyTooLarge(Exception):
    """A request to Django has a body over MAX_BODY_SIZE."""


class CallbackEndpoint:
    """Wraps Django's ASGI application. Requests that are no callbacks go to Django unchanged."""

    def __init__(self, django: Application) -> None:
        self.django = django
        self.group_commit = GroupCommit()
        self.spool = SpoolWriter()
        self.relay = Relay(self.spool)
        self.body_bytes = 0  #: of the bodies in memory
        self.held = 0  #: connections without an answer; see hold()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.start_and_stop(receive, send)
            return
        if scope["type"] != "http":
            await self.django(scope, receive, send)
            return
        request = parse_request(scope)
        slug = path_slug(request)
        if request.path == b"/healthz":
            await send_reply(send, HEALTHY)
        elif slug is None:
            await self.pass_to_django(scope, receive, send)
        else:
            await send_reply(send, await self.answer(request, slug, receive))

    async def pass_to_django(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, unless its body is too large.

        Django writes uploads to the disk before it knows who sends them, and no page takes one.
        """
        size = 0

        async def receive_limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MAX_BODY_SIZE:
                raise BodyTooLarge
            return message

        try:
            await self.django(scope, receive_limited, send)
        except BodyTooLarge:
            await send_reply(send, TOO_LARGE)

    async def start_and_stop(self, receive: Receive, send: Send) -> None:
        """Start the writer when the server has started its event loop."""
        await receive()
        self.group_commit.start_writer()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.relay.close()
        await asyncio.to_thread(self.spool.stop)
        await send({"type": "lifespan.shutdown.complete"})

    async def answer(self, request: Request, slug: str, receive: Receive) -> Reply:
        if request.method == "POST":
            request = request._replace(body=await read_body(receive))
        callback = parse_callback(request, slug, settings.TRUSTED_PROXY_COUNT, self_test_key())
        size = len(request.body or b"")
        self.body_bytes += size
        try:
            verdict = await self.get_verdict(callback)
            if verdict.push is None:
                return reply_to(callback, verdict)
            reply = await self.relay.answer(callback, verdict.push)
        except Unrecorded as error:
            log_unrecorded(callback, error)
            return TRY_AGAIN
        finally:
            self.body_bytes -= size
        if reply is None:
            await self.hold(callback, receive)
        return reply or TRY_AGAIN

    async def hold(self, callback: Callback, receive: Receive) -> None:
        """Leave WeChat without an answer until it disconnects, so that it sends the push again.

        It disconnects after 5 s. Closing the connection here would not do: a proxy in front would
        send an error of its own, and nothing documents that WeChat repeats after one.
        """
        if self.held >= MAX_HELD:
            return
        self.held += 1
        try:
            async with asyncio.timeout(HOLD_DEADLINE - callback.elapsed / 1_000_000):
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            pass
        finally:
            self.held -= 1

    async def get_verdict(self, callback: Callback) -> Verdict:
        """Wait for the verdict. Raises Unrecorded, at the latest after ANSWER_DEADLINE."""
        if self.body_bytes > MAX_BODY_BYTES:
            raise Unrecorded("too many large bodies")
        verdict = self.group_commit.submit(callback)
        seconds = ANSWER_DEADLINE - callback.elapsed / 1_000_000
        # call_later() takes a fifth of the time of asyncio.timeout(). A batch leaves out callbacks
        # whose verdict is already set.
        timer = asyncio.get_running_loop().call_later(seconds, time_out, verdict)
        try:
            return await verdict
        finally:
            timer.cancel()


def time_out(verdict: asyncio.Future[Verdict]) -> None:
    if not verdict.done():
        verdict.set_exception(Unrecorded("deadline"))


def parse_request(scope: Scope) -> Request:
    headers: dict[str, list[bytes]] = {}
    for raw_name, raw_value in scope["headers"]:
        if (name := RAW_NAMES.get(raw_name)) is not None:
            headers.setdefault(name, []).append(raw_value)
    return Request(
        method=scope["method"],
        path=unquote(scope["raw_path"]),
        query=scope["query_string"],
        headers={name: b",".join(values).decode("latin-1") for name, values in headers.items()},
        peer=scope["client"][0] if scope["client"] else "",
        scheme=scope["scheme"],
        http_version=scope["http_version"],
        arrived=time.perf_counter(),
    )


async def read_body(receive: Receive) -> bytes | None:
    """Return the body, or None if it is too large or does not arrive in time.

    A body that is too large is read up to the limit: closing the connection while the client is
    still sending would reset it, and lose the answer.
    """
    chunks, size = [], 0
    try:
        async with asyncio.timeout(BODY_DEADLINE):
            while size <= MAX_BODY_SIZE:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return None
                chunks.append(message.get("body", b""))
                size += len(chunks[-1])
                if not message.get("more_body"):
                    return b"".join(chunks) if size <= MAX_BODY_SIZE else None
    except TimeoutError:
        pass
    return None


async def send_reply(send: Send, reply: Reply) -> None:
    if reply.extra_headers:
        headers = encode_headers(reply.headers)
    else:
        headers = [*RAW_SAFE_HEADERS, (b"content-length", b"%d" % len(reply.body))]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
