from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.utils import timezone

from verification.models import Delivery, OfficialAccount
from verification.protocol.enums import DeliveryResult
from verification.relay import spool_size
from verification.relay.payload import Payload, UndecryptablePayload
from verification.relay.spool import SpoolFull, SpoolUnavailable, store
from verification.tests.support.accounts import make_account
from verification.tests.support.gunicorn import database_url
from verification.tests.support.waiting import states, waiting_push

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def _unknown_size() -> None:
    spool_size.spool_size.reset()


def test_a_stored_push_is_there_byte_for_byte_and_encrypted(brand_a: OfficialAccount) -> None:
    body = bytes(range(256)) + "你好".encode()
    assert store([waiting_push(brand_a, 1, body=body, content_type="text/xml; charset=utf-8")])

    row = Delivery.objects.get()
    assert row.payload is not None
    assert Payload.decrypt(bytes(row.payload)) == Payload(
        b"signature=5f0f&timestamp=1764320000&nonce=41&openid=oZhangWei",
        "text/xml; charset=utf-8",
        body,
    )
    assert row.size == len(row.payload)


def test_the_table_names_neither_followers_nor_what_they_write(brand_a: OfficialAccount) -> None:
    store([waiting_push(brand_a, 1)])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT convert_to(d::text, 'UTF8') || d.payload FROM verification_delivery d"
        )
        everything = bytes(cursor.fetchone()[0])

    assert b"oZhangWei" not in everything
    assert "你好".encode() not in everything
    assert "oZhangWei" not in repr(waiting_push(brand_a, 1))


def test_a_repeat_counts_as_stored_and_is_stored_once(brand_a: OfficialAccount) -> None:
    assert store([waiting_push(brand_a, 1), waiting_push(brand_a, 1)]) == [True, True]
    assert store([waiting_push(brand_a, 1)]) == [True]

    assert states(brand_a) == ["WAITING"]


def test_two_accounts_may_have_the_same_webhook_id(
    brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    store([waiting_push(account, 1, webhook_id="msg_1") for account in (brand_a, brand_b)])

    assert states(brand_a) == states(brand_b) == ["WAITING"]


def test_an_only_behind_push_is_stored_only_if_its_follower_has_waiting_messages(
    brand_a: OfficialAccount,
) -> None:
    assert store([waiting_push(brand_a, 1, only_behind=True)]) == [False]
    assert store([waiting_push(brand_a, 2, follower="li")]) == [True]
    assert store(
        [
            waiting_push(brand_a, 3, only_behind=True),
            waiting_push(brand_a, 4, follower="li", only_behind=True),
        ]
    ) == [False, True]


def test_an_only_behind_push_waits_behind_one_that_is_stored_with_it(
    brand_a: OfficialAccount,
) -> None:
    pushes = [waiting_push(brand_a, 1), waiting_push(brand_a, 2, only_behind=True)]

    assert store(pushes) == [True, True]
    numbers = Delivery.objects.order_by("id").values_list("webhook_id", flat=True)
    assert [name[-1] for name in numbers] == ["1", "2"]


def test_nothing_waits_behind_a_dead_letter(brand_a: OfficialAccount) -> None:
    refused = waiting_push(brand_a, 1, result=DeliveryResult.CLIENT_ERROR, status=404)

    assert store([refused]) == [True]
    assert store([waiting_push(brand_a, 2, only_behind=True)]) == [False]
    row = Delivery.objects.get()
    assert (row.state, row.last_status) == (Delivery.State.DEAD, 404)
    assert row.settled_at is not None


def test_a_push_that_was_tried_is_due_after_five_seconds_and_another_at_once(
    brand_a: OfficialAccount,
) -> None:
    store(
        [
            waiting_push(brand_a, 1, result=DeliveryResult.TIMEOUT),
            waiting_push(brand_a, 2, follower="li"),
        ]
    )
    tried, untried = Delivery.objects.order_by("id")

    assert timedelta(seconds=4) < tried.due_at - timezone.now() <= timedelta(seconds=5)
    assert untried.due_at <= timezone.now()
    assert untried.last_attempt_at is None


def test_a_full_account_does_not_take_the_room_of_others(
    brand_a: OfficialAccount, brand_b: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_size, "MAX_BYTES_PER_ACCOUNT", 3000)
    store([waiting_push(brand_a, 1, body=b"x" * 2000)])

    with pytest.raises(SpoolFull) as full:
        store([waiting_push(brand_a, 2, body=b"x" * 2000), waiting_push(brand_b, 1)])
    assert full.value.stored == [False, True]
    assert full.value.account_ids == {brand_a.pk}
    assert (states(brand_a), states(brand_b)) == (["WAITING"], ["WAITING"])


def test_all_accounts_together_are_bounded(
    brand_a: OfficialAccount, brand_b: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_size, "MAX_BYTES", 3000)
    store([waiting_push(brand_a, 1, body=b"x" * 2000)])

    with pytest.raises(SpoolFull):
        store([waiting_push(brand_b, 1, body=b"x" * 2000)])


def test_what_other_processes_have_stored_counts(
    brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    store([waiting_push(brand_a, 1, body=b"x" * 2000)])
    spool_size.spool_size.reset()  # as in a process that has stored nothing
    monkeypatch.setattr(spool_size, "MAX_BYTES_PER_ACCOUNT", 3000)

    with pytest.raises(SpoolFull):
        store([waiting_push(brand_a, 2, body=b"x" * 2000)])


def test_a_message_that_no_key_decrypts_is_recognized(brand_a: OfficialAccount, settings) -> None:
    store([waiting_push(brand_a, 1)])
    settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4]
    row = Delivery.objects.get()

    assert row.payload is not None
    with pytest.raises(UndecryptablePayload):
        Payload.decrypt(bytes(row.payload))


@pytest.mark.django_db(transaction=True)
def test_storing_does_not_wait_for_a_locked_table(transactional_db: None) -> None:
    import psycopg2

    account = make_account("brand-a")
    other = psycopg2.connect(database_url())
    other.cursor().execute("LOCK TABLE verification_delivery IN EXCLUSIVE MODE")
    started = time.monotonic()
    try:
        with pytest.raises(SpoolUnavailable, match="lock timeout"):
            store([waiting_push(account, 1)])
        assert time.monotonic() - started < 0.8
    finally:
        other.close()
    assert store([waiting_push(account, 1)]) == [True]
    connections.close_all()
