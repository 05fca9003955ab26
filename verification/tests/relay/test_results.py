from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from verification.models import Backend, DeliveryTally, OfficialAccount
from verification.protocol.enums import DeliveryResult
from verification.relay.results import Finished, bucket_of, claim_probe, record_results
from verification.tests.support.backend import set_backend

pytestmark = pytest.mark.django_db
#: A full ten minutes.
START = datetime(2026, 11, 28, 10, 40, tzinfo=UTC)
REFUSED = DeliveryResult.CONNECTION_REFUSED


@pytest.fixture
def backend(brand_a: OfficialAccount) -> Backend:
    return set_backend(brand_a, "https://backend.example.cn/wechat", "keep")


def at(second: float, result: DeliveryResult, account_id: int, **fields) -> Finished:
    return Finished(account_id, START + timedelta(seconds=second), result, **fields)


def test_three_failures_in_a_row_open_the_circuit(backend: Backend) -> None:
    assert record_results([at(0, REFUSED, backend.pk), at(1, REFUSED, backend.pk)]) == []
    (change,) = record_results([at(2, REFUSED, backend.pk)])

    backend.refresh_from_db()
    assert (change.is_open, change.failing_since, change.result) == (True, START, REFUSED)
    assert backend.next_probe_at == START + timedelta(seconds=7)


def test_a_success_between_failures_keeps_the_circuit_closed(backend: Backend) -> None:
    results = [REFUSED, REFUSED, DeliveryResult.DELIVERED, REFUSED, REFUSED]

    assert record_results([at(n, result, backend.pk) for n, result in enumerate(results)]) == []
    backend.refresh_from_db()
    assert (backend.failures, backend.failing_since) == (2, START + timedelta(seconds=3))


def test_the_circuit_stays_open_for_5_10_20_and_then_30_seconds(backend: Backend) -> None:
    record_results([at(0, REFUSED, backend.pk) for _ in range(3)])
    delays, moment = [], START
    for _ in range(6):
        backend.refresh_from_db()
        assert backend.next_probe_at is not None
        delays.append((backend.next_probe_at - moment).total_seconds())
        moment = backend.next_probe_at
        record_results([Finished(backend.pk, moment, REFUSED)])

    assert delays == [5, 5, 10, 20, 30, 30]


def test_a_success_closes_the_circuit(backend: Backend) -> None:
    record_results([at(0, REFUSED, backend.pk) for _ in range(3)])
    (change,) = record_results([at(60, DeliveryResult.UNUSABLE_REPLY, backend.pk, status=200)])

    backend.refresh_from_db()
    assert (change.is_open, change.failing_since) == (False, START)
    assert (backend.failures, backend.failing_since, backend.next_probe_at) == (0, None, None)
    assert backend.last_success_at == START + timedelta(minutes=1)


def test_failures_that_another_process_reports_late_do_not_open_it_again(backend: Backend) -> None:
    record_results([at(1, DeliveryResult.DELIVERED, backend.pk)])

    assert record_results([at(0, REFUSED, backend.pk) for _ in range(3)]) == []
    backend.refresh_from_db()
    assert backend.failures == 0


def test_what_the_gateway_refuses_itself_says_nothing_about_the_backend(backend: Backend) -> None:
    results = [DeliveryResult.BUSY, DeliveryResult.LOOP, DeliveryResult.NOT_DECRYPTED]

    assert record_results([at(0, result, backend.pk) for result in results]) == []
    backend.refresh_from_db()
    assert not backend.is_failing
    assert DeliveryTally.objects.count() == 3


def test_one_caller_may_probe_a_failing_backend(backend: Backend) -> None:
    assert not claim_probe(backend.pk)
    record_results([at(0, REFUSED, backend.pk) for _ in range(3)])

    assert [claim_probe(backend.pk) for _ in range(3)] == [True, False, False]


def test_deliveries_are_counted_by_ten_minutes_result_status_and_duration(
    backend: Backend,
) -> None:
    delivered = DeliveryResult.DELIVERED
    first = [at(n, delivered, backend.pk, status=200, seconds=0.02) for n in range(3)]
    record_results([*first, at(599, REFUSED, backend.pk)])
    record_results(
        [
            at(4, delivered, backend.pk, status=200, seconds=0.02),
            at(600, delivered, backend.pk, status=200, seconds=0.02),
        ]
    )

    rows = DeliveryTally.objects.order_by("period", "result").values_list(
        "period", "result", "status", "bucket", "count"
    )
    assert [*rows] == [
        (START, delivered.value, 200, 14, 4),
        (START, REFUSED.value, 0, 0, 1),
        (START + timedelta(minutes=10), delivered.value, 200, 14, 1),
    ]


@pytest.mark.parametrize("milliseconds", [0.5, 1, 1.3, 20, 3500, 10_000])
def test_a_bucket_bounds_the_duration(milliseconds: float) -> None:
    bucket = bucket_of(milliseconds / 1000)

    assert milliseconds < 1.25**bucket
    assert bucket == 0 or milliseconds >= 1.25 ** (bucket - 1)
