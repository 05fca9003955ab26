"""After a roll-back, pages and commands show results that only the newer release knows."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from verification.models import Backend, Delivery, DeliveryTally, OfficialAccount
from verification.protocol.enums import DeliveryResult
from verification.relay.results import Finished, record_results
from verification.tests.support.admin_client import open_account, page
from verification.tests.support.deliveries import (
    count_deliveries,
    give_failing_backend,
    keep_waiting,
)

SENTENCE = "a newer release recorded why"


@pytest.fixture
def delivery(brand_a: OfficialAccount) -> Delivery:
    """Return a message that waits for a reason that this release does not know."""
    give_failing_backend(brand_a)
    Backend.objects.update(last_failure=99)
    count_deliveries(brand_a, DeliveryResult.TIMEOUT, 12)
    DeliveryTally.objects.update(result=99)
    [delivery] = keep_waiting(brand_a, last_result=99)
    return delivery


def test_pages_show_them(
    brand_a: OfficialAccount, delivery: Delivery, li_wei_at_work: Client
) -> None:
    shown = open_account(li_wei_at_work, brand_a)
    assert "reason of a newer release" in shown
    assert shown.count(SENTENCE) == 2
    assert SENTENCE in li_wei_at_work.get(page("delivery_changelist")).text
    url = reverse("admin:verification_delivery_change", args=[delivery.pk])
    assert SENTENCE in li_wei_at_work.get(url).text


def test_list_deliveries_shows_them(delivery: Delivery, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("list_deliveries")
    assert "reason of a newer release" in capsys.readouterr().out
    call_command("list_deliveries", "--json")
    [facts] = json.loads(capsys.readouterr().out)["deliveries"]
    assert facts["reason"] == "unknown"


def test_a_success_closes_the_circuit(brand_a: OfficialAccount, delivery: Delivery) -> None:
    later = timezone.now() + timedelta(minutes=1)
    [change] = record_results([Finished(brand_a.pk, later, DeliveryResult.DELIVERED)])

    assert not change.is_open
    assert change.result is DeliveryResult.UNKNOWN
