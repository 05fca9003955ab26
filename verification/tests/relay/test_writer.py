from __future__ import annotations

import asyncio
import threading
import time
from typing import Any

import pytest

from verification.models import OfficialAccount
from verification.relay.writer import SpoolWriter
from verification.tests.support.waiting import states, waiting_push

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


class SlowList(list[Any]):
    """A list to which the event loop appends so slowly that the writer works meanwhile."""

    def append(self, item: Any) -> None:
        time.sleep(0.2)
        super().append(item)


def test_a_push_is_stored_that_arrives_just_when_the_writer_takes_the_others(
    brand_a: OfficialAccount,
) -> None:
    writer = SpoolWriter()

    async def store_meanwhile() -> list[bool]:
        stored = [await writer.store(waiting_push(brand_a, 1))]
        writer.waiting = SlowList()
        threading.Timer(0.1, writer.arrived.set).start()
        async with asyncio.timeout(3):
            return [*stored, await writer.store(waiting_push(brand_a, 2))]

    assert asyncio.run(store_meanwhile()) == [True, True]
    writer.stop()
    assert states(brand_a) == ["WAITING", "WAITING"]
