"""Strange requests, through the adapters as a server calls them."""

from __future__ import annotations

import asyncio
import json
import logging.config
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import BytesIO, StringIO
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from django.conf import settings as django_settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from verification.asgi import CallbackEndpoint
from verification.models import OfficialAccount, Tally
from verification.tests.contract import A, Answer
from verification.tests.fire.conftest import KeepFigure
from verification.tests.fire.scale import scale
from verification.tests.fire.strange import REQUESTS, Strange, is_callbacks, may_be_answered

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

AT_ONCE = 40
BY_VIEW, BY_ASGI = scale(200, 30_000), scale(10, 4_250) * AT_ONCE

Ask = Callable[[Sequence[Strange]], Sequence[Answer]]


class Examined:
    """What was answered, held against what may be."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.recorded = self.unrecorded = 0

    def look(self, request: Strange, answer: Answer) -> None:
        self.statuses[answer.status] += 1
        if not is_callbacks(answer.headers):
            assert answer.status < 500
            assert b"<script>alert(1)" not in answer.body
            return
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert may_be_answered(request, answer.status, answer.body, [A])
        # On a machine that is too busy: no answer without a record.
        self.unrecorded += answer.status == 503
        self.recorded += answer.status != 503

    @property
    def is_tallied(self) -> bool:
        """Where an answer came too late, there may be a record of it."""
        return self.recorded <= tallied() <= self.recorded + self.unrecorded

    def __str__(self) -> str:
        found = ", ".join(
            f"{count:,} × {status}" for status, count in sorted(self.statuses.items())
        )
        return f"{self.statuses.total():,} requests: {found}"


def through_the_view() -> Ask:
    application = get_wsgi_application()
    return lambda requests: [ask_wsgi(application, request) for request in requests]


def ask_wsgi(application: Any, request: Strange) -> Answer:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query.decode("latin-1"),
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.0",
        "REMOTE_ADDR": "101.226.103.7",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.input": BytesIO(request.body),
        "wsgi.url_scheme": "http",
    }
    for name, value in request.headers:
        environ[f"HTTP_{name.decode().upper().replace('-', '_')}"] = value.decode("latin-1")
    started: list[Any] = []
    body = b"".join(application(environ, lambda *those: started.extend(those)))
    headers = {name.lower(): value for name, value in started[1]}
    return Answer(int(started[0].split()[0]), headers, body)


async def ask_asgi(application: Any, request: Strange) -> Answer:
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
    return Answer(sent[0]["status"], headers, b"".join(it.get("body", b"") for it in sent[1:]))


@contextmanager
def through_the_endpoint() -> Iterator[Ask]:
    """Many at once, on one event loop: its writer shares batches among them."""
    endpoint = CallbackEndpoint(get_asgi_application())

    async def ask(requests: Sequence[Strange]) -> list[Answer]:
        return await asyncio.gather(*(ask_asgi(endpoint, request) for request in requests))

    with asyncio.Runner() as runner:
        yield lambda requests: runner.run(ask(requests))
    end_other_sessions()


def end_other_sessions() -> None:
    """The writer's, which outlives its loop and would keep the test database open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@contextmanager
def lines_of_production() -> Iterator[StringIO]:
    with redirect_stdout(StringIO()) as out:
        logging.config.dictConfig(django_settings.LOGGING)
        yield out
    logging.config.dictConfig(django_settings.LOGGING)


def fuzz(ask: Ask, count: int, at_once: int) -> Examined:
    examined = Examined()

    @settings(
        max_examples=count // at_once,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[*HealthCheck],
    )
    @given(st.lists(REQUESTS, min_size=at_once, max_size=at_once))
    def ask_each(requests: list[Strange]) -> None:
        for request, answer in zip(requests, ask(requests), strict=True):
            examined.look(request, answer)

    with lines_of_production() as out:
        ask_each()
    for line in out.getvalue().splitlines():
        json.loads(line)
    return examined


def tallied() -> int:
    return Tally.objects.aggregate(total=Sum("count"))["total"] or 0


def test_no_strange_request_breaks_the_view(brand_a: OfficialAccount, figure: KeepFigure) -> None:
    examined = fuzz(through_the_view(), BY_VIEW, 1)

    keep(figure, "the Django view", examined)
    assert examined.is_tallied
    assert {200, 400, 403, 405} <= set(examined.statuses)


def test_no_strange_request_breaks_the_lean_endpoint(
    brand_a: OfficialAccount, figure: KeepFigure
) -> None:
    with through_the_endpoint() as ask:
        examined = fuzz(ask, BY_ASGI, AT_ONCE)

    keep(figure, "the ASGI endpoint", examined)
    assert examined.is_tallied
    assert {200, 400, 403, 405} <= set(examined.statuses)


def keep(figure: KeepFigure, where: str, examined: Examined) -> None:
    figure(
        f"Whatever is asked of {where} gets one of its fixed answers or its own echostr, "
        "is tallied, and is written as JSON",
        target="no 5xx but 503, nothing else echoed, every answer tallied",
        measured=f"{examined}; {examined.recorded:,} callbacks answered, {tallied():,} tallied",
        is_met=examined.is_tallied,
    )
