"""Anyone can call a server URL, as often as they like, and the database has an end."""

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
def _a_minute_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
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
    """Source and occurrences of each, the oldest first."""
    found = VerificationAttempt.objects.order_by("id")
    return [*found.values_list("client_ip", "occurrences")]


def test_the_first_few_refusals_of_a_source_have_rows_of_their_own(
    brand_a: OfficialAccount,
) -> None:
    verify([wrong(number) for number in range(10)])

    assert rows() == [(STRANGER, 1)] * 3 + [(STRANGER, 7)]
    assert Tally.objects.get().count == 10
    assert verify_audit().problems == []


def test_others_keep_rows_of_their_own_meanwhile(brand_a: OfficialAccount) -> None:
    verify([*(wrong(number) for number in range(5)), wrong(9, WECHAT)])

    assert rows() == [(STRANGER, 1)] * 3 + [(STRANGER, 2), (WECHAT, 1)]


def test_different_refusals_share_no_row(brand_a: OfficialAccount) -> None:
    verify([wrong(number) for number in range(3)])
    verify([wrong(3), wrong(4, path=b"/wechat/nobody"), wrong(5), make_callback("", peer=STRANGER)])

    assert [count for _, count in rows()] == [1, 1, 1, 2, 1, 1]
    assert verify_audit().problems == []


def test_what_lacks_another_parameter_shares_no_row(brand_a: OfficialAccount) -> None:
    verify([wrong(number) for number in range(3)])
    verify([make_callback(query, peer=STRANGER) for query in ("signature=1", "nonce=1", "nonce=2")])

    assert [count for _, count in rows()][3:] == [1, 2]


def test_when_all_sources_together_are_too_many_rows_name_none(brand_a: OfficialAccount) -> None:
    verify([wrong(number, peer=f"198.51.100.{number}") for number in range(20)])

    assert rows()[7:] == [(None, 13)]
    assert verify_audit().problems == []


def test_one_ipv6_network_is_one_source(brand_a: OfficialAccount) -> None:
    verify([wrong(number, peer=f"2001:db8::{number:x}") for number in range(1, 7)])

    assert [count for _, count in rows()] == [1, 1, 1, 3]


def test_a_valid_url_that_is_called_again_and_again_shares_a_row(brand_a: OfficialAccount) -> None:
    echostrs = [str(10**18 + number) for number in range(9)]
    verify([make_callback(verification(A, echostr=echostr)) for echostr in echostrs])

    assert [count for _, count in rows()] == [1, 1, 1, 6]
    assert verify_audit().problems == []


def test_what_passes_for_the_first_time_has_its_own_row(brand_a: OfficialAccount) -> None:
    verify([wrong(number) for number in range(9)])
    verify([make_callback(verification(A, nonce=str(n)), peer=STRANGER) for n in range(9)])

    assert rows()[4:] == [(STRANGER, 1)] * 9


def test_pushes_are_only_counted_however_many(brand_a: OfficialAccount) -> None:
    verify([make_callback(push(A), method="POST")] * 9)

    assert (rows(), Tally.objects.get().count) == ([], 9)


def test_the_next_minute_begins_anew(
    brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    verify([wrong(number) for number in range(5)])
    monkeypatch.setattr(flood_module, "monotonic", lambda: 60.0)
    verify([wrong(5), wrong(6)])

    assert [count for _, count in rows()] == [1, 1, 1, 2, 1, 1]


def test_what_is_remembered_is_bounded(
    brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flood_module, "MAX_SIGNATURES", 5)
    verify([make_callback(verification(A, nonce=str(number))) for number in range(23)])
    verify([wrong(number, peer=f"198.51.100.{number}") for number in range(99)])

    assert len(row_budget.accepted) <= 5
    assert len(row_budget.refused) <= 7


def test_a_probe_shares_no_row_with_an_honest_mistake(brand_a: OfficialAccount) -> None:
    """They are counted apart: one is internet noise, the other somebody's token."""
    verify([wrong(number) for number in range(3)])
    probe = make_callback(verification("", nonce="7"), peer=STRANGER)
    assert probe.is_signed_with_empty_token
    verify([wrong(4), probe, wrong(5), probe])

    assert [count for _, count in rows()][3:] == [2, 2]
