from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.db.models import F
from django.utils import timezone

from verification.models import Backend, Delivery, DeliveryTally, OfficialAccount
from verification.protocol.enums import DeliveryResult
from verification.relay import spool_size
from verification.relay.results import Finished, record_results
from verification.relay.spool import store
from verification.tests.support.backend import FakeBackend, Received, serving_backend, set_backend
from verification.tests.support.draining import draining, wait_until
from verification.tests.support.gunicorn import free_port
from verification.tests.support.waiting import BODY, states, waiting_push

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _clean(transactional_db: None) -> Iterator[None]:
    spool_size.spool_size.reset()
    yield
    connections.close_all()


def settled(account: OfficialAccount) -> bool:
    return not Delivery.objects.filter(account=account, state=Delivery.State.WAITING).exists()


def number_of(received: Received) -> int:
    match = re.search(r"你好 (\d+)", received.body.decode())
    assert match is not None
    return int(match[1])


def follower_of(received: Received) -> str:
    return received.headers["webhook-id"].split("_")[2]


def keep(account: OfficialAccount, url: str) -> Backend:
    return set_backend(account, url, "keep")


def make_due(account: OfficialAccount) -> None:
    """Let all delays of an account's messages and of its circuit end now."""
    Delivery.objects.filter(account=account).update(due_at=timezone.now())
    Backend.objects.filter(account=account, next_probe_at__isnull=False).update(
        next_probe_at=timezone.now()
    )


def test_a_waiting_message_arrives_byte_for_byte_and_signed(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    keep(brand_a, f"{backend.url}?from=gateway")
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
    keep(brand_a, backend.url)
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
    keep(brand_a, backend.url)
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
    keep(brand_a, backend.url)
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


def test_a_backend_that_comes_back_gets_everything_at_once(
    brand_a: OfficialAccount, settings: Any
) -> None:
    port = free_port()
    settings.RELAY_PRIVATE_HOSTS = frozenset({f"127.0.0.1:{port}"})
    keep(brand_a, f"http://127.0.0.1:{port}/wechat")
    store([waiting_push(brand_a, 1, f"follower{n}") for n in range(40)])
    with draining(2):
        wait_until(lambda: Backend.objects.get().failures >= 3)
        assert states(brand_a) == ["WAITING"] * 40
        assert set(Delivery.objects.values_list("attempts", flat=True)) == {0}
        wait_until(lambda: not Delivery.objects.filter(leased_until__isnull=False).exists())
        with serving_backend(port) as backend:
            make_due(brand_a)
            started = time.monotonic()
            wait_until(lambda: settled(brand_a))
            assert time.monotonic() - started < 3

        assert len(backend.received) == 40
    assert Backend.objects.get().failing_since is None


def test_while_the_circuit_is_open_one_message_is_tried_as_a_probe(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    keep(brand_a, backend.url)
    backend.answer = lambda _: (503, b"")
    store([waiting_push(brand_a, 1, f"follower{n}") for n in range(40)])
    Backend.objects.update(failures=3, failing_since=timezone.now(), next_probe_at=timezone.now())
    with draining(2) as workers:
        wait_until(lambda: Backend.objects.get().failures == 4)
        workers.wait_until_idle()

    assert len(backend.received) == 1


def test_probes_rotate_so_that_a_poison_message_does_not_keep_the_circuit_open(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    keep(brand_a, backend.url)
    backend.answer = lambda received: (500 if number_of(received) == 13 else 200, b"")
    store([waiting_push(brand_a, 13), waiting_push(brand_a, 1, "li")])
    now = timezone.now()
    Backend.objects.update(failures=3, failing_since=now, next_probe_at=now)
    with draining() as workers:
        wait_until(lambda: bool(backend.received))
        for _ in range(2):
            workers.wait_until_idle()
            Backend.objects.filter(next_probe_at__isnull=False).update(next_probe_at=now)
        wait_until(lambda: states(brand_a)[1] == "DELIVERED")

    assert states(brand_a) == ["WAITING", "DELIVERED"]


def test_a_poison_message_holds_up_only_its_follower_and_is_dead_after_five_failures(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    keep(brand_a, backend.url)
    backend.answer = lambda received: (500 if number_of(received) == 13 else 200, b"")
    store([waiting_push(brand_a, 13), waiting_push(brand_a, 14), waiting_push(brand_a, 1, "li")])
    poison = Delivery.objects.order_by("id")[:1]
    delays = []
    with draining():
        wait_until(lambda: states(brand_a)[2] == "DELIVERED")
        for number in range(2, 8):
            wait_until(lambda: poison.get().leased_until is None)
            before = poison.get()
            if before.state != Delivery.State.WAITING:
                break
            assert before.last_attempt_at is not None
            delays.append(round((before.due_at - before.last_attempt_at).total_seconds()))
            store([waiting_push(brand_a, number, "li")])  # the backend takes others
            wait_until(lambda: states(brand_a)[-1] == "DELIVERED")
            Backend.objects.update(last_success_at=timezone.now())
            assert states(brand_a)[1] == "WAITING"
            poison_rows = Delivery.objects.filter(pk=before.pk)
            poison_rows.update(due_at=timezone.now())
            at = before.last_attempt_at
            wait_until(lambda at=at: poison.get().last_attempt_at != at)  # type: ignore[misc]
        wait_until(lambda: settled(brand_a))

    assert delays[-4:] == [5, 30, 120, 600]
    assert states(brand_a)[:2] == ["DEAD", "DELIVERED"]
    assert poison.get().attempts == 5
    assert poison.get().payload is not None


def test_a_message_that_the_backend_never_got_is_not_to_blame(
    brand_a: OfficialAccount, settings: Any
) -> None:
    port = free_port()
    settings.RELAY_PRIVATE_HOSTS = frozenset({f"127.0.0.1:{port}"})
    keep(brand_a, f"http://127.0.0.1:{port}/wechat")
    store([waiting_push(brand_a, 1)])
    waiting = Delivery.objects.order_by("id")[:1]
    with draining():
        for _ in range(5):  # It restarts each time that this message is due, and takes others.
            wait_until(lambda: waiting.get().last_result is not None)
            Delivery.objects.update(last_result=None, due_at=timezone.now())
            Backend.objects.update(failures=0, last_success_at=timezone.now())

    assert waiting.get().attempts == 0
    assert states(brand_a) == ["WAITING"]


def test_a_refusal_that_will_not_change_makes_a_dead_letter_at_once(
    brand_a: OfficialAccount, backend: FakeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    keep(brand_a, backend.url)
    backend.answer = lambda received: (410 if number_of(received) == 1 else 200, b"")
    store([waiting_push(brand_a, 1), waiting_push(brand_a, 2)])
    with draining():
        wait_until(lambda: settled(brand_a))

    assert states(brand_a) == ["DEAD", "DELIVERED"]
    [line] = [json.loads(text) for text in caplog.messages if "dead_letter" in text]
    assert (line["account"], line["reason"], line["status"]) == ("brand-a", "client_error", 410)


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
        keep(account, backend.url)
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
    keep(brand_a, backend.url)
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
    keep(brand_a, backend.url)
    refused = Finished(brand_a.pk, tomorrow, DeliveryResult.CONNECTION_REFUSED)
    record_results([refused] * 3)
    store([waiting_push(brand_a, 1), waiting_push(brand_a, 2, "li")])
    Delivery.objects.filter(follower="li").update(due_at=tomorrow, leased_until=tomorrow)

    with draining():
        wait_until(lambda: settled(brand_a))
        wait_until(lambda: not Backend.objects.get().is_failing)


def test_a_success_of_tomorrow_makes_no_dead_letters_of_an_outage(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    keep(brand_a, backend.url)
    tomorrow = timezone.now() + timedelta(days=1)
    record_results([Finished(brand_a.pk, tomorrow, DeliveryResult.DELIVERED, 200)])
    backend.answer = lambda _: (503, b"")
    store([waiting_push(brand_a, n, f"follower{n}") for n in range(3)])

    with draining():
        wait_until(lambda: Backend.objects.get().failures == 3)
    assert not Delivery.objects.exclude(attempts=0).exists()


def test_messages_of_a_paused_account_are_delivered(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    keep(brand_a, backend.url)
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


def test_messages_expire_after_the_days_that_the_backend_sets(
    brand_a: OfficialAccount, brand_b: OfficialAccount, backend: FakeBackend
) -> None:
    keep(brand_a, backend.url)
    Backend.objects.update(retention_days=2)
    backend.answer = lambda _: (503, b"")
    for account in (brand_a, brand_b):  # brand-b has no backend: three days
        for days in (1.9, 2.1, 3.1):
            moment = timezone.now() - timedelta(days=days)
            store([waiting_push(account, int(days * 10), received_at=moment)])
    with draining() as workers:
        wait_until(lambda: "EXPIRED" in states(brand_a) and "EXPIRED" in states(brand_b))
        workers.wait_until_idle()

    assert states(brand_a) == ["WAITING", "EXPIRED", "EXPIRED"]
    assert states(brand_b) == ["WAITING", "WAITING", "EXPIRED"]
    assert not Delivery.objects.filter(state=Delivery.State.EXPIRED, payload__isnull=False).exists()


def test_what_was_settled_a_week_ago_is_deleted_but_no_dead_letter(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    keep(brand_a, backend.url)
    Backend.objects.update(retention_days=30)
    refused = DeliveryResult.CLIENT_ERROR
    store([waiting_push(brand_a, 1), waiting_push(brand_a, 2, "li", result=refused, status=400)])
    with draining():
        wait_until(lambda: settled(brand_a))
    Delivery.objects.update(settled_at=F("settled_at") - timedelta(days=8))
    with draining():
        wait_until(lambda: states(brand_a) == ["DEAD"])


def test_neither_logs_nor_rows_show_a_body_or_an_openid(
    brand_a: OfficialAccount, backend: FakeBackend, caplog: pytest.LogCaptureFixture
) -> None:
    keep(brand_a, backend.url)
    backend.answer = lambda _: (404, b"")
    caplog.set_level("DEBUG")
    store([waiting_push(brand_a, 1)])
    with draining():
        wait_until(lambda: settled(brand_a))

    for text in ("oZhangWei", "你好", BODY[:20], "nonce=41"):
        assert text not in caplog.text
