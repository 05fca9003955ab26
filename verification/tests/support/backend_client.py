"""Sends a message to a fake backend with the client of the relay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from verification.relay.client import BackendClient, BackendFailure, Forwarded, forward_url

QUERY = b"signature=c0ffee&timestamp=1700000000&nonce=%41b%2f+c"
MESSAGE = b"<xml><Content><![CDATA[\xe4\xbd\xa0\xe5\xa5\xbd]]></Content></xml>"
HEADERS = {"webhook-id": "msg_1", "X-WeChat-Account": "city-mall"}


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


def send(url: str, *, times: int = 1, connect_timeout: float = 5, timeout: float = 10) -> Any:
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
