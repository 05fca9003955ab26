"""Tests that the comparison of the fault run finds what it looks for."""

from __future__ import annotations

from verification.tests.fire.support.delivery_comparison import Comparison, Faults, compare
from verification.tests.fire.support.followers import Sent
from verification.tests.fire.support.recording_backend import Receipt
from verification.tests.fire.support.spool_workers import Kill

FAULTS = Faults(kills=[Kill(50.0, {1001})], backend_stops=[80.0], database_stops=[])


def compare_all(*receipts: Receipt, attempts: int = 1) -> Comparison:
    """Compare with three messages of follower 7, each answered with success."""
    statuses = [*[503] * (attempts - 1), 200]
    sent = [Sent(7, number, statuses, slowest=0.1) for number in (0, 1, 2)]
    return compare(sent, sorted(receipts), FAULTS)


def receipt(at: float, number: int, *, port: int = 1000) -> Receipt:
    return Receipt(at, port, follower=7, number=number)


def test_messages_that_arrive_once_and_in_order_are_as_promised() -> None:
    compared = compare_all(receipt(1, 0), receipt(2, 1), receipt(3, 2))

    assert compared.is_met
    assert compared.answered == 3


def test_an_answered_message_that_never_arrives_is_lost() -> None:
    compared = compare_all(receipt(1, 0), receipt(3, 2))

    assert [message.number for message in compared.lost] == [1]
    assert not compared.is_met


def test_a_message_that_arrives_before_an_earlier_one_is_out_of_order() -> None:
    compared = compare_all(receipt(1, 0), receipt(2, 2), receipt(3, 1))

    assert [late.number for late in compared.disordered] == [2]
    assert not compared.is_met


def test_a_repeat_needs_a_cause() -> None:
    arrived = receipt(1, 0), receipt(2, 1), receipt(3, 2)

    assert not compare_all(*arrived, receipt(9, 2)).is_met
    assert compare_all(*arrived, receipt(9, 2), attempts=2).is_met


def test_a_kill_explains_a_repeat_only_of_what_that_worker_had_just_sent() -> None:
    arrived = receipt(1, 0), receipt(2, 1)

    for first, is_met in [
        (receipt(49, 2, port=1001), True),
        (receipt(49, 2, port=1000), False),  # another worker's
        (receipt(30, 2, port=1001), False),  # long before
        (receipt(79.5, 2), True),  # the backend was stopped before it answered
        (receipt(70, 2), False),
    ]:
        assert compare_all(*arrived, first, receipt(99, 2)).is_met == is_met
