from __future__ import annotations

from typing import Any

import pytest

from verification.models import Delivery, OfficialAccount
from verification.relay.key_rotation import reencrypt_deliveries
from verification.relay.payload import Payload
from verification.relay.spool import store
from verification.tests.support.waiting import waiting_push

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
NEW_KEY = "the-new-key-" * 4


def test_afterwards_the_new_key_alone_reads_every_waiting_message(
    brand_a: OfficialAccount, settings: Any
) -> None:
    store([waiting_push(brand_a, number) for number in range(20)])
    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY, *settings.TOKEN_ENCRYPTION_KEYS]
    assert reencrypt_deliveries() == []

    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY]
    rows = Delivery.objects.order_by("id")
    bodies = [Payload.decrypt(bytes(row.payload or b"")).body for row in rows]
    assert bodies == [waiting_push(brand_a, number).body for number in range(20)]


def test_accounts_with_messages_that_no_key_decrypts_are_named(
    brand_a: OfficialAccount, brand_b: OfficialAccount, settings: Any
) -> None:
    keys = settings.TOKEN_ENCRYPTION_KEYS
    settings.TOKEN_ENCRYPTION_KEYS = ["lost-" * 10]
    store([waiting_push(brand_a, 1), waiting_push(brand_a, 2)])
    settings.TOKEN_ENCRYPTION_KEYS = keys
    store([waiting_push(brand_b, 1)])

    assert reencrypt_deliveries() == ["brand-a (2)"]
