from __future__ import annotations

import asyncio
from typing import Any

import pytest

from verification.callbacks import asgi
from verification.callbacks.asgi import CallbackEndpoint
from verification.callbacks.recording import Unrecorded
from verification.tests.support.adapter import A
from verification.tests.support.signer import push


async def refuse(*_: Any) -> None:
    raise AssertionError("Django is not called.")


async def send_push(endpoint: CallbackEndpoint, body: bytes) -> int:
    """Return the status of the answer to a push with this body."""
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "raw_path": b"/wechat/brand-a",
        "query_string": push(A).encode(),
        "headers": [],
        "client": None,
        "scheme": "http",
        "http_version": "1.0",
    }
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    await endpoint(scope, receive, send)
    status: int = sent[0]["status"]
    return status


def test_a_process_holds_a_bounded_number_of_bytes_of_bodies(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asgi, "MAX_BODY_BYTES", 1000)
    endpoint = CallbackEndpoint(refuse)
    verdicts: list[asyncio.Future[Any]] = []

    def submit(_callback: Any) -> asyncio.Future[Any]:
        verdicts.append(asyncio.get_running_loop().create_future())
        return verdicts[-1]

    monkeypatch.setattr(endpoint.group_commit, "submit", submit)

    async def scenario() -> tuple[int, int]:
        waiting = asyncio.create_task(send_push(endpoint, b"x" * 900))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        status = await send_push(endpoint, b"x" * 900)
        verdicts[0].set_exception(Unrecorded("deadline"))
        await waiting
        return status, endpoint.body_bytes

    assert asyncio.run(scenario()) == (503, 0)
    assert len(verdicts) == 1
