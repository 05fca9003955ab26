from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from verification.relay.client import BackendClient, BackendFailure, Forwarded, forward_url
from verification.tests.support.fake_backend import (
    OK,
    answers,
    backend_that,
)

QUERY = b"signature=c0ffee&timestamp=1700000000&nonce=%41b%2f+c"
MESSAGE = b"<xml><Content><![CDATA[\xe4\xbd\xa0\xe5\xa5\xbd]]></Content></xml>"
HEADERS = {"webhook-id": "msg_1", "X-WeChat-Account": "city-mall"}


class Everywhere:
    """Stands for RELAY_PRIVATE_HOSTS with every host and port."""

    def __contains__(self, _pair: object) -> bool:
        return True


@pytest.fixture(autouse=True)
def private_hosts(settings: Any) -> None:
    settings.RELAY_PRIVATE_HOSTS = Everywhere()


def run(use: Callable[[BackendClient], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        backend_client = BackendClient()
        try:
            return await use(backend_client)
        finally:
            await backend_client.close()

    return asyncio.run(main())


def forwarded_to(url: str) -> Forwarded:
    return Forwarded(forward_url(url, QUERY), "text/xml; charset=utf-8", MESSAGE, HEADERS)


def send(url: str, *, times: int = 1, connect_timeout: float = 1, timeout: float = 2) -> Any:
    """Send the message; return the last reply."""

    async def use(backend_client: BackendClient) -> Any:
        for _number in range(times):
            reply = await backend_client.send(
                forwarded_to(url), connect_timeout=connect_timeout, timeout=timeout
            )
        return reply

    return run(use)


def failure(url: str, **options: Any) -> BackendFailure:
    with pytest.raises(BackendFailure) as caught:
        send(url, **options)
    assert caught.value.__context__ is None  # no text of the library, which may quote the URL
    assert "c0ffee" not in str(caught.value)
    return caught.value


def result(url: str, **options: Any) -> tuple[str, int | None]:
    failed = failure(url, **options)
    return failed.result.label, failed.status


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
