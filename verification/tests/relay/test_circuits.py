"""Messages that a backend does not take, and how workers try it again."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from verification.models import Backend, Delivery, OfficialAccount
from verification.protocol.enums import DeliveryResult
from verification.relay.results import Finished, record_results
from verification.relay.spool import store
from verification.tests.support.backend import FakeBackend, serving_backend, set_backend
from verification.tests.support.draining import draining, wait_until
from verification.tests.support.gunicorn import free_port
from verification.tests.support.waiting import make_due, number_of, settled, states, waiting_push

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("empty_spool"),
]


def test_a_backend_that_comes_back_gets_everything_at_once(
    brand_a: OfficialAccount, settings: Any
) -> None:
    port = free_port()
    settings.RELAY_PRIVATE_HOSTS = frozenset({f"127.0.0.1:{port}"})
    set_backend(brand_a, f"http://127.0.0.1:{port}/wechat", "keep")
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
    set_backend(brand_a, backend.url, "keep")
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
    set_backend(brand_a, backend.url, "keep")
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
    set_backend(brand_a, backend.url, "keep")
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
    set_backend(brand_a, f"http://127.0.0.1:{port}/wechat", "keep")
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
    set_backend(brand_a, backend.url, "keep")
    backend.answer = lambda received: (410 if number_of(received) == 1 else 200, b"")
    store([waiting_push(brand_a, 1), waiting_push(brand_a, 2)])
    with draining():
        wait_until(lambda: settled(brand_a))

    assert states(brand_a) == ["DEAD", "DELIVERED"]
    [line] = [json.loads(text) for text in caplog.messages if "dead_letter" in text]
    assert (line["account"], line["reason"], line["status"]) == ("brand-a", "client_error", 410)


def test_a_success_of_tomorrow_makes_no_dead_letters_of_an_outage(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    set_backend(brand_a, backend.url, "keep")
    tomorrow = timezone.now() + timedelta(days=1)
    record_results([Finished(brand_a.pk, tomorrow, DeliveryResult.DELIVERED, 200)])
    backend.answer = lambda _: (503, b"")
    store([waiting_push(brand_a, n, f"follower{n}") for n in range(3)])

    with draining():
        wait_until(lambda: Backend.objects.get().failures == 3)
    assert not Delivery.objects.exclude(attempts=0).exists()
