"""The Django adapter: a middleware that answers callbacks under any server, runserver included."""

from __future__ import annotations

import time
from collections.abc import Callable

from asgiref.sync import async_to_sync
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, UnreadablePostError

from verification.callbacks.deadlines import HOLD_DEADLINE
from verification.callbacks.log_lines import log_unrecorded
from verification.callbacks.recording import Unrecorded, verify
from verification.keys import self_test_key
from verification.protocol.callback import Callback, parse_callback
from verification.protocol.reply import TRY_AGAIN, AcceptedPush, Reply, reply_to
from verification.protocol.request import KNOWN_HEADERS, MAX_BODY_SIZE, Request, path_slug
from verification.relay.forward import Relay
from verification.relay.writer import DirectSpool


class CallbackMiddleware:
    """Answers callbacks, and passes all other requests on.

    This must be the first middleware, and not a view: the middleware after it would redirect WeChat
    to https, refuse an unknown Host or ask for a CSRF token.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, http_request: HttpRequest) -> HttpResponseBase:
        request = parse_request(http_request)
        slug = path_slug(request)
        if slug is None:
            return self.get_response(http_request)
        if http_request.method == "POST":
            request = request._replace(body=read_body(http_request))
        callback = parse_callback(request, slug, settings.TRUSTED_PROXY_COUNT, self_test_key())
        try:
            verdict = verify([callback])[0]
        except Unrecorded as error:
            log_unrecorded(callback, error)
            return as_response(TRY_AGAIN)
        if verdict.push is None:
            return as_response(reply_to(callback, verdict))
        reply = forward(callback, verdict.push)
        if reply is None:  # As in asgi.py: WeChat sends the push again after 5 s of silence.
            time.sleep(max(HOLD_DEADLINE - callback.elapsed / 1_000_000, 0))
        return as_response(reply or TRY_AGAIN)


def read_body(http_request: HttpRequest) -> bytes | None:
    """Return the body, or None if it is too large or incomplete."""
    try:
        body = http_request.read(MAX_BODY_SIZE + 1)
    except UnreadablePostError:
        return None
    return body if len(body) <= MAX_BODY_SIZE else None


def forward(callback: Callback, push: AcceptedPush) -> Reply | None:
    """Forward a push in an event loop of its own, and return the reply, or None for no answer."""

    async def answer() -> Reply | None:
        spool = DirectSpool()
        relay = Relay(spool)
        try:
            return await relay.answer(callback, push)
        finally:
            await relay.close()
            await spool.close()

    return async_to_sync(answer)()


def parse_request(http_request: HttpRequest) -> Request:
    meta = http_request.META
    names = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in KNOWN_HEADERS}
    names["content-type"] = "CONTENT_TYPE"
    return Request(
        method=str(http_request.method),
        path=meta.get("PATH_INFO", "/").encode("utf-8", "replace"),  # Django has decoded it.
        query=meta.get("QUERY_STRING", "").encode("latin-1", "replace"),
        headers={name: str(meta.get(key, "")) for name, key in names.items()},
        peer=meta.get("REMOTE_ADDR", ""),
        scheme=meta.get("wsgi.url_scheme", "http"),
        http_version=meta.get("SERVER_PROTOCOL", "HTTP/1.1").rpartition("/")[2],
        arrived=time.perf_counter(),
    )


def as_response(reply: Reply) -> HttpResponse:
    return HttpResponse(reply.body, status=reply.status, headers=reply.headers)
