"""gunicorn's worker prepares its process before it serves."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from uvicorn_worker import UvicornWorker

from wechat_gateway.worker import GatewayWorker


@pytest.fixture(autouse=True)
def unfreeze() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_a_worker_never_searches_what_it_loaded_at_start_for_garbage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    searched = []
    monkeypatch.setattr(
        UvicornWorker, "run", lambda _worker: searched.append(len(gc.get_objects()))
    )
    monkeypatch.setattr("signal.signal", lambda _number, _handler: None)
    worker = GatewayWorker.__new__(GatewayWorker)  # gunicorn's constructor opens files
    worker.sockets = []
    before = len(gc.get_objects())

    worker.run()

    assert before > 50_000
    assert searched[0] < 1_000
