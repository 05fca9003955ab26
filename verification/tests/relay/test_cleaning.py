"""What workers delete from the spool."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from verification.models import Backend, Delivery, OfficialAccount
from verification.protocol.enums import DeliveryResult
from verification.relay.spool import store
from verification.tests.support.backend import FakeBackend, set_backend
from verification.tests.support.draining import draining, wait_until
from verification.tests.support.waiting import settled, states, waiting_push

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("empty_spool"),
]


def test_messages_expire_after_the_days_that_the_backend_sets(
    brand_a: OfficialAccount, brand_b: OfficialAccount, backend: FakeBackend
) -> None:
    set_backend(brand_a, backend.url, "keep")
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
    set_backend(brand_a, backend.url, "keep")
    Backend.objects.update(retention_days=30)
    refused = DeliveryResult.CLIENT_ERROR
    store([waiting_push(brand_a, 1), waiting_push(brand_a, 2, "li", result=refused, status=400)])
    with draining():
        wait_until(lambda: settled(brand_a))
    Delivery.objects.update(settled_at=F("settled_at") - timedelta(days=8))
    with draining():
        wait_until(lambda: states(brand_a) == ["DEAD"])
