"""The lean adapter: answers callbacks and /healthz in front of Django, hands on the rest.

Django would refuse a foreign Host and more than 1,000 parameters before any view could
record the attempt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote_to_bytes

from django.conf import settings

from verification.attempt_log import log_unrecorded
from verification.group_commit import GroupCommit
from verification.keys import self_test_key
from verification.protocol.callback import (
    KNOWN_HEADERS,
    Request,
    parse_callback,
    path_slug,
)
from verification.protocol.reply import HEALTHY, TRY_AGAIN, Reply, reply_to
from verification.protocol.words import Method
from verification.recording import Unrecorded

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Any, Any, Any], Awaitable[None]]

#: Seconds from arrival to the answer, recorded or not: WeChat waits 5, WeCom 1.
DEADLINE = 2.5
#: A message push is signed by its query; its body is read so that the client can finish sending.
LARGEST_BODY = 1_048_576
BODY_DEADLINE = 1.0


class CallbackEndpoint:
    def __init__(self, django: Application) -> None:
        self.django = django
        self.commits = GroupCommit()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.django(scope, receive, send)
            return
        request = parse_request(scope)
        slug = path_slug(request)
        if request.path == b"/healthz":
            await send_reply(send, HEALTHY)
        elif slug is None:
            await self.django(scope, receive, send)
        else:
            await send_reply(send, await self.answer(request, slug, receive))

    async def answer(self, request: Request, slug: str, receive: Receive) -> Reply:
        callback = parse_callback(request, slug, settings.TRUSTED_PROXY_COUNT, self_test_key())
        if callback.method is Method.POST:
            await drain(receive)
        try:
            # On time-out this also cancels the verdict, and with it the recording, unless begun.
            async with asyncio.timeout(DEADLINE - callback.elapsed / 1_000_000):
                return reply_to(callback, await self.commits.submit(callback))
        except (TimeoutError, Unrecorded) as error:
            log_unrecorded(callback, error if isinstance(error, Unrecorded) else "deadline")
            return TRY_AGAIN


def parse_request(scope: Scope) -> Request:
    found: dict[str, list[str]] = {name: [] for name in KNOWN_HEADERS}
    for raw_name, raw_value in scope["headers"]:
        if (name := raw_name.decode("latin-1")) in found:
            found[name].append(raw_value.decode("latin-1"))
    return Request(
        method=scope["method"],
        path=unquote_to_bytes(scope["raw_path"]),
        query=scope["query_string"],
        headers={name: ",".join(values) for name, values in found.items()},
        peer=scope["client"][0] if scope["client"] else "",
        scheme=scope["scheme"],
        http_version=scope["http_version"],
    )


async def drain(receive: Receive) -> None:
    """Read the body and forget it: closing on a client that still sends resets the connection."""
    size = 0
    try:
        async with asyncio.timeout(BODY_DEADLINE):
            while size < LARGEST_BODY:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    return
    except TimeoutError:
        return


async def send_reply(send: Send, reply: Reply) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in reply.headers.items()]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})
