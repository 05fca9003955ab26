"""Pushes whose backend and database are slow, without HTTP in front."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest

from verification.fields import Secret
from verification.protocol.message import parse_push
from verification.protocol.reply import SUCCESS, AcceptedPush, Reply, Target
from verification.relay.forward import Relay
from verification.relay.results import Finished
from verification.relay.spool import WaitingPush
from verification.tests.support.backend import WEBHOOK_SECRET, FakeBackend, Received
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.messages import text_message
from verification.tests.support.signer import push

TEXT = text_message("hello", msg_id="1")
#: WeChat gives up after 5 s. The answer is due after 4.5 s.
LATEST = 4.7


class SlowSpool:
    """A spool whose database takes these seconds to store a push, and to claim a probe."""

    def __init__(self, seconds: float, claiming: float) -> None:
        self.seconds, self.claiming = seconds, claiming
        self.stored: list[WaitingPush] = []

    async def store(self, push: WaitingPush) -> bool:
        await asyncio.sleep(self.seconds)
        if push.only_behind:
            return False  # Nothing of the follower waits.
        self.stored.append(push)
        return True

    async def claim_probe(self, account_id: int) -> bool:
        await asyncio.sleep(self.claiming)
        return True

    def record(self, finished: Finished, *, is_urgent: bool) -> None:
        pass


def forward(url: str, spool: SlowSpool, *, age: float) -> tuple[Reply | None, float]:
    """Forward a push of this age while a probe is due, and return the reply and its final age."""
    target = Target(
        account_id=1,
        slug="brand-a",
        url=url,
        keeps_messages=True,
        secrets=(Secret.of(WEBHOOK_SECRET).ciphertext,),
        is_failing=True,
        is_open=True,
        is_probe_due=True,
        has_waiting=True,
    )
    callback = make_callback(push("token", nonce=str(time.time())), method="POST", body=TEXT)
    callback = replace(callback, started=time.perf_counter() - age)
    accepted = AcceptedPush(target=target, message=parse_push(TEXT), plaintext=None)

    async def answer() -> Reply | None:
        relay = Relay(spool)
        try:
            return await relay.answer(callback, accepted)
        finally:
            await relay.close()

    return asyncio.run(answer()), callback.elapsed / 1_000_000


def answer_late(_: Received) -> tuple[int, bytes]:
    time.sleep(2)
    return 200, b"success"


@pytest.mark.parametrize(("storing", "claiming"), [(0.75, 0.75), (0, 5)])
def test_a_push_is_answered_in_time_if_everything_is_slow(
    backend: FakeBackend, private_hosts: None, storing: float, claiming: float
) -> None:
    backend.answer = answer_late
    spool = SlowSpool(storing, claiming)
    reply, age = forward(backend.url, spool, age=2.5)

    assert age < LATEST
    assert (reply == SUCCESS) == bool(spool.stored)
