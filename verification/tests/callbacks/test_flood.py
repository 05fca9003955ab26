"""When many requests arrive, identical ones share a row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from verification.audit_log.verifier import verify_audit
from verification.callbacks import flood as flood_module
from verification.callbacks.recording import row_budget, verify
from verification.models import OfficialAccount, Tally, VerificationAttempt
from verification.protocol.callback import Callback
from verification.tests.support.adapter import A, B
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import push, verification

STRANGER, WECHAT = "203.0.113.9", "81.69.103.129"


@pytest.fixture(autouse=True)
def _stop_the_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(flood_module, "monotonic", lambda: 30.0)
    row_budget.reset()
    yield
    row_budget.reset()


@pytest.fixture(autouse=True)
def _small_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flood_module, "MAX_INDIVIDUAL_ROWS", 3)
    monkeypatch.setattr(flood_module, "MAX_REFUSED_ROWS", 7)


def wrong(number: int, peer: str = STRANGER, **rest: Any) -> Callback:
    return make_callback(verification(B, nonce=str(number)), peer=peer, **rest)


def rows() -> list[tuple[str | None, int]]:
    """Return the source and the occurrences of each row, the oldest first."""
    attempts = VerificationAttempt.objects.order_by("id")
    return [*attempts.values_list("client_ip", "occurrences")]


def test_the_first_refusals_of_a_source_have_individual_rows(
    brand_a: OfficialAccount,
) -> None:
    verify([wrong(number) for number in range(10)])

    assert rows() == [(STRANGER, 1)] * 3 + [(STRANGER, 7)]
    assert Tally.objects.get().count == 10
    assert verify_audit().problems == []


def test_other_sources_keep_individual_rows(brand_a: OfficialAccount) -> None:
    verify([*(wrong(number) for number in range(5)), wrong(9, WECHAT)])

    assert rows() == [(STRANGER, 1)] * 3 + [(STRANGER, 2), (WECHAT, 1)]


def test_different_refusals_share_no_row(brand_a: OfficialAccount) -> None:
    verify([wrong(number) for number in range(3)])
    verify([wrong(3), wrong(4, path=b"/wechat/nobody"), wrong(5), make_callback("", peer=STRANGER)])

    assert [count for _, count in rows()] == [1, 1, 1, 2, 1, 1]
    assert verify_audit().problems == []


def test_refusals_for_different_parameters_share_no_row(brand_a: OfficialAccount) -> None:
    verify([wrong(number) for number in range(3)])
    verify([make_callback(query, peer=STRANGER) for query in ("signature=1", "nonce=1", "nonce=2")])

    assert [count for _, count in rows()][3:] == [1, 2]


def test_a_row_shared_by_several_sources_has_no_address(brand_a: OfficialAccount) -> None:
    verify([wrong(number, peer=f"198.51.100.{number}") for number in range(20)])

    assert rows()[7:] == [(None, 13)]
    assert verify_audit().problems == []


def test_one_ipv6_network_is_one_source(brand_a: OfficialAccount) -> None:
    verify([wrong(number, peer=f"2001:db8::{number:x}") for number in range(1, 7)])

    assert [count for _, count in rows()] == [1, 1, 1, 3]


def test_repeated_calls_of_a_valid_url_share_a_row(brand_a: OfficialAccount) -> None:
    echostrs = [str(10**18 + number) for number in range(9)]
    verify([make_callback(verification(A, echostr=echostr)) for echostr in echostrs])

    assert [count for _, count in rows()] == [1, 1, 1, 6]
    assert verify_audit().problems == []


def test_a_first_acceptance_has_an_individual_row(
    brand_a: OfficialAccount,
) -> None:
    verify([wrong(number) for number in range(9)])
    verify([make_callback(verification(A, nonce=str(n)), peer=STRANGER) for n in range(9)])

    assert rows()[4:] == [(STRANGER, 1)] * 9


def test_accepted_pushes_are_only_tallied(brand_a: OfficialAccount) -> None:
    verify([make_callback(push(A), method="POST")] * 9)

    assert (rows(), Tally.objects.get().count) == ([], 9)


def test_the_next_minute_has_a_new_budget(
    brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify([wrong(number) for number in range(5)])
    monkeypatch.setattr(flood_module, "monotonic", lambda: 60.0)
    verify([wrong(5), wrong(6)])

    assert [count for _, count in rows()] == [1, 1, 1, 2, 1, 1]


def test_the_memory_of_the_budget_is_bounded(
    brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flood_module, "MAX_SIGNATURES", 5)
    verify([make_callback(verification(A, nonce=str(number))) for number in range(23)])
    verify([wrong(number, peer=f"198.51.100.{number}") for number in range(99)])

    assert len(row_budget.accepted) <= 5
    assert len(row_budget.refused) <= 7


def test_a_probe_shares_no_row_with_an_honest_mistake(brand_a: OfficialAccount) -> None:
    """They are counted separately, because only the probe is internet noise."""
    verify([wrong(number) for number in range(3)])
    probe = make_callback(verification("", nonce="7"), peer=STRANGER)
    assert probe.is_signed_with_empty_token
    verify([wrong(4), probe, wrong(5), probe])

    assert [count for _, count in rows()][3:] == [2, 2]
