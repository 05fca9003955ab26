"""Workers deliver what waits."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from verification.models import Backend, Delivery, DeliveryTally, OfficialAccount
from verification.protocol.enums import DeliveryResult
from verification.relay.results import Finished, record_results
from verification.relay.spool import store
from verification.tests.support.backend import FakeBackend, Received, set_backend
from verification.tests.support.draining import draining, wait_until
from verification.tests.support.waiting import (
    BODY,
    make_due,
    number_of,
    settled,
    states,
    waiting_push,
)

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("empty_spool"),
]


def follower_of(received: Received) -> str:
    return received.headers["webhook-id"].split("_")[2]


def test_a_waiting_message_arrives_byte_for_byte_and_signed(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    set_backend(brand_a, f"{backend.url}?from=gateway", "keep")
    push = waiting_push(brand_a, 7)
    store([push])
    with draining():
        wait_until(lambda: settled(brand_a))

    [received] = backend.received
    assert received.target == f"/wechat?from=gateway&{push.query.decode()}"
    assert received.body == push.body
    assert received.headers["content-type"] == "text/xml"
    assert received.headers["webhook-id"] == push.webhook_id
    assert received.headers["webhook-signature"].startswith("v1,")
    assert received.headers["x-wechat-account"] == "brand-a"
    assert received.headers["x-request-id"] == str(push.request_id)


def test_nothing_is_left_of_a_delivered_message_but_facts(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    set_backend(brand_a, backend.url, "keep")
    store([waiting_push(brand_a, 1)])
    with draining():
        wait_until(lambda: settled(brand_a))

    row = Delivery.objects.get()
    assert (row.state, row.payload) == (Delivery.State.DELIVERED, None)
    assert (row.last_result, row.last_status) == (DeliveryResult.DELIVERED.value, 200)
    assert row.settled_at is not None
    assert DeliveryTally.objects.get().count == 1


@pytest.mark.parametrize("workers", [2, 4])
def test_each_follower_gets_the_messages_in_order_whatever_the_number_of_workers(
    brand_a: OfficialAccount, backend: FakeBackend, workers: int
) -> None:
    set_backend(brand_a, backend.url, "keep")
    followers = [f"follower{n}" for n in range(12)]
    store([waiting_push(brand_a, n, follower) for n in range(25) for follower in followers])
    with draining(workers):
        wait_until(lambda: settled(brand_a), 30)

    numbers: dict[str, list[int]] = {}
    for received in backend.received:
        numbers.setdefault(follower_of(received), []).append(number_of(received))
    assert numbers == {follower: [*range(25)] for follower in followers}


def test_a_message_that_arrives_behind_others_comes_last(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    set_backend(brand_a, backend.url, "keep")
    blocked = threading.Event()

    def answer(received: Received) -> tuple[int, bytes]:
        blocked.wait(5)
        return 200, b"success"

    backend.answer = answer
    store([waiting_push(brand_a, 1)])
    with draining(2):
        wait_until(lambda: bool(backend.received))
        assert store([waiting_push(brand_a, 2, only_behind=True)]) == [True]
        time.sleep(0.7)  # several looks of the other worker
        assert [number_of(received) for received in backend.received] == [1]
        blocked.set()
        wait_until(lambda: settled(brand_a))

    assert [number_of(received) for received in backend.received] == [1, 2]


def test_a_backend_that_hangs_delays_no_other_account(
    brand_a: OfficialAccount, brand_b: OfficialAccount, backend: FakeBackend
) -> None:
    released = threading.Event()

    def answer(received: Received) -> tuple[int, bytes]:
        if received.headers["x-wechat-account"] == "brand-a":
            released.wait(9)
        return 200, b""

    backend.answer = answer
    for account in (brand_a, brand_b):
        set_backend(account, backend.url, "keep")
        store([waiting_push(account, 1, f"follower{n}") for n in range(40)])
    with draining():
        started = time.monotonic()
        wait_until(lambda: settled(brand_b))
        assert time.monotonic() - started < 3
        assert len([r for r in backend.received if "brand-a" in r.headers["webhook-id"]]) == 16
        released.set()
        wait_until(lambda: settled(brand_a))


@pytest.mark.parametrize("lacks", ["the key of the message", "the key of the webhook secret"])
def test_a_message_whose_key_is_missing_waits_until_it_is_back(
    brand_a: OfficialAccount, backend: FakeBackend, settings: Any, lacks: str
) -> None:
    """While a deployment restarts one process after the other, their keys differ."""
    old, new = settings.TOKEN_ENCRYPTION_KEYS, ["new-" * 10, *settings.TOKEN_ENCRYPTION_KEYS]
    settings.TOKEN_ENCRYPTION_KEYS = new if "secret" in lacks else old
    set_backend(brand_a, backend.url, "keep")
    settings.TOKEN_ENCRYPTION_KEYS = new if "message" in lacks else old
    store([waiting_push(brand_a, n, f"follower{n}") for n in range(20)])
    settings.TOKEN_ENCRYPTION_KEYS = old
    missing = DeliveryResult.KEY_MISSING.value
    with draining():
        wait_until(lambda: Delivery.objects.filter(last_result=missing).count() == 20)
    assert states(brand_a) == ["WAITING"] * 20
    assert not Backend.objects.get().is_failing

    settings.TOKEN_ENCRYPTION_KEYS = new
    make_due(brand_a)
    with draining():
        wait_until(lambda: settled(brand_a))
    assert states(brand_a) == ["DELIVERED"] * 20
    assert len(backend.received) == 20


def test_a_clock_that_was_wrong_stops_no_deliveries(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    """The circuit opened while the clock was a day ahead."""
    tomorrow = timezone.now() + timedelta(days=1)
    set_backend(brand_a, backend.url, "keep")
    refused = Finished(brand_a.pk, tomorrow, DeliveryResult.CONNECTION_REFUSED)
    record_results([refused] * 3)
    store([waiting_push(brand_a, 1), waiting_push(brand_a, 2, "li")])
    Delivery.objects.filter(follower="li").update(due_at=tomorrow, leased_until=tomorrow)

    with draining():
        wait_until(lambda: settled(brand_a))
        wait_until(lambda: not Backend.objects.get().is_failing)


def test_messages_of_a_paused_account_are_delivered(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    set_backend(brand_a, backend.url, "keep")
    store([waiting_push(brand_a, 1)])
    OfficialAccount.objects.update(is_paused=True)
    with draining():
        wait_until(lambda: states(brand_a) == ["DELIVERED"])


def test_messages_wait_while_an_account_has_no_backend(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    store([waiting_push(brand_a, 1)])
    with draining() as workers:
        workers.wait_until_idle()
    assert states(brand_a) == ["WAITING"]


def test_neither_logs_nor_rows_show_a_body_or_an_openid(
    brand_a: OfficialAccount, backend: FakeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    set_backend(brand_a, backend.url, "keep")
    backend.answer = lambda _: (404, b"")
    caplog.set_level("DEBUG")
    store([waiting_push(brand_a, 1)])
    with draining():
        wait_until(lambda: settled(brand_a))

    for text in ("oZhangWei", "你好", BODY[:20], "nonce=41"):
        assert text not in caplog.text
