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
    writer.waiting = SlowList()

    async def store_two() -> list[bool]:
        first = asyncio.create_task(writer.store(waiting_push(brand_a, 1)))
        await asyncio.sleep(0)
        threading.Timer(0.1, writer.arrived.set).start()
        async with asyncio.timeout(5):
            return [await writer.store(waiting_push(brand_a, 2)), await first]

    assert asyncio.run(store_two()) == [True, True]
    writer.stop()
    assert states(brand_a) == ["WAITING", "WAITING"]
