from __future__ import annotations

from verification.protocol.enums import DeliveryResult


def test_a_result_of_a_newer_release_can_be_read() -> None:
    assert DeliveryResult(99) is DeliveryResult.UNKNOWN
