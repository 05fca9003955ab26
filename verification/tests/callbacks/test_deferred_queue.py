"""Callbacks beyond their row budget wait for the next release."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import cast

import pytest

from verification.callbacks import group_commit
from verification.callbacks.flood import MAX_INDIVIDUAL_ROWS
from verification.callbacks.group_commit import DEFER_INTERVAL, DeferredQueue, Waiting
from verification.callbacks.recording import Unrecorded, verify
from verification.models import OfficialAccount
from verification.protocol.callback import Callback
from verification.protocol.reply import Verdict
from verification.tests.support.adapter import A, B
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import verification


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(group_commit, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def spent_budget(brand_a: OfficialAccount) -> None:
    """Use up the row budget of 10.0.0.1."""
    verify(
        [make_callback(verification(B, nonce=str(number))) for number in range(MAX_INDIVIDUAL_ROWS)]
    )


def waiting(*callbacks: Callback) -> list[Waiting]:
    no_future = cast("asyncio.Future[Verdict]", None)
    return [Waiting(callback, no_future) for callback in callbacks]


def nonces(batch: Iterable[Waiting]) -> list[str]:
    return [waiting.callback.nonce for waiting in batch]


def test_refusals_are_deferred_whatever_their_reason_and_first_acceptances_are_not(
    spent_budget: None, clock: list[float]
) -> None:
    queue = DeferredQueue()
    kept = queue.defer(
        waiting(
            make_callback(verification(B, nonce="wrong")),
            make_callback("nonce=missing"),
            make_callback("nonce=head", method="HEAD"),
            make_callback(verification(A, nonce="right")),
            make_callback(verification(B, nonce="another"), peer="81.69.103.129"),
        )
    )

    assert nonces(kept) == ["right", "another"]
    assert nonces(queue.waiting) == ["wrong", "missing", "head"]


def test_deferred_callbacks_are_released_after_the_interval_up_to_a_limit(
    spent_budget: None, clock: list[float]
) -> None:
    queue = DeferredQueue()
    queue.last_commit = clock[0]
    queue.defer(waiting(*[make_callback(verification(B, nonce=nonce)) for nonce in "123"]))
    assert queue.release(2) == []
    clock[0] += DEFER_INTERVAL

    assert nonces(queue.release(2)) == ["1", "2"]
    assert nonces(queue.release(2)) == ["3"]
    assert queue.seconds_left is None


def test_without_a_database_no_callback_is_deferred(
    spent_budget: None, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_callbacks: object) -> list[Verdict]:
        raise Unrecorded

    monkeypatch.setattr(group_commit, "judge_without_recording", fail)

    assert len(DeferredQueue().defer(waiting(make_callback(verification(B))))) == 1


def test_drain_empties_the_queue_at_once(spent_budget: None, clock: list[float]) -> None:
    queue = DeferredQueue()
    queue.defer(waiting(make_callback(verification(B, nonce="7"))))

    assert nonces(queue.drain()) == ["7"]
    assert queue.seconds_left is None
