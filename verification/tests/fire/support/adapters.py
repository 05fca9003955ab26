"""Calls both adapters for callbacks, the Django view and the ASGI endpoint, as a server does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.db import connection

from verification.callbacks.asgi import CallbackEndpoint
from verification.tests.fire.support.fuzz_requests import FuzzRequest
from verification.tests.support.adapter import Answer

Ask = Callable[[Sequence[FuzzRequest]], Sequence[Answer]]


def through_the_view() -> Ask:
    """Return a function that sends requests through WSGI, one after the other."""
    application = get_wsgi_application()
    return lambda requests: [ask_wsgi(application, request) for request in requests]


def ask_wsgi(application: Any, request: FuzzRequest) -> Answer:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query.decode("latin-1"),
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "101.226.103.7",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.input": BytesIO(request.body),
        "wsgi.url_scheme": "http",
    }
    for name, value in request.headers:
        key = f"HTTP_{name.decode().upper().replace('-', '_')}"
        before = f"{environ[key]}," if key in environ else ""
        environ[key] = before + value.decode("latin-1")
    started: list[Any] = []
    body = b"".join(application(environ, lambda *those: started.extend(those)))
    headers = {name.lower(): value for name, value in started[1]}
    return Answer(int(started[0].split()[0]), headers, body)


async def ask_asgi(application: Any, request: FuzzRequest) -> Answer:
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": unquote_to_bytes(request.path).decode("utf-8", "replace"),
        "raw_path": request.path,
        "query_string": request.query,
        "headers": request.headers,
        "client": ("101.226.103.7", 1234),
        "server": ("testserver", 80),
    }
    incoming = iter([{"type": "http.request", "body": request.body, "more_body": False}])
    sent: list[Any] = []

    async def receive() -> Any:
        message = next(incoming, None)
        return message or await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    headers = {name.decode().lower(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Answer(
        sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])
    )


@contextmanager
def through_the_endpoint() -> Iterator[Ask]:
    """Provide a function that sends requests through ASGI, all at once on one event loop.

    The endpoint's writer records them in shared batches.
    """
    endpoint = CallbackEndpoint(get_asgi_application())

    async def ask(requests: Sequence[FuzzRequest]) -> list[Answer]:
        return await asyncio.gather(*(ask_asgi(endpoint, request) for request in requests))

    with asyncio.Runner() as runner:
        yield lambda requests: runner.run(ask(requests))
    end_other_sessions()


def end_other_sessions() -> None:
    """End the session of the writer, which outlives its loop and would keep the database open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
