"""When many requests arrive, identical ones share a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle, islice
from typing import Any

import pytest

from verification.audit_log.verifier import verify_audit
from verification.callbacks import flood as flood_module
from verification.callbacks.recording import row_budget, verify
from verification.models import OfficialAccount, Tally, VerificationAttempt
from verification.models.noise import is_noise
from verification.protocol.callback import Callback
from verification.protocol.enums import Reason
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.callback_factory import EXHAUSTED, make_callback
from verification.tests.support.signer import push, verification

STRANGER, WECHAT = "203.0.113.9", "81.69.103.129"
MAX_OF_ONE = 3


@pytest.fixture(autouse=True)
def _stop_the_clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(flood_module, "monotonic", lambda: 30.0)
    row_budget.reset()
    yield
    row_budget.reset()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Provide a function that sets the clock of the budget, in seconds."""

    def set_clock(seconds: float) -> None:
        monkeypatch.setattr(flood_module, "monotonic", lambda: seconds)

    return set_clock


@pytest.fixture(autouse=True)
def _small_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flood_module, "MAX_INDIVIDUAL_ROWS", MAX_OF_ONE)
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
    brand_a: OfficialAccount, clock: Callable[[float], None]
) -> None:
    verify([wrong(number) for number in range(5)])
    clock(60)
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


class TestUnlikeRefusals:
    """A stranger who makes every request wrong in another way still gets few rows."""

    def test_of_one_account_share_a_row_once_there_are_too_many(
        self, brand_a: OfficialAccount, shared_rows: Callable[[float], None]
    ) -> None:
        verify([wrong(number) for number in range(3)])
        shared_rows(1)
        verify(unlike("brand-a", 30))
        mixed = VerificationAttempt.objects.latest("id")

        assert [count for _, count in rows()] == [1, 1, 1, 30]
        assert (mixed.account, mixed.reason, mixed.detail) == (brand_a, Reason.MIXED, "")
        assert mixed.client_ip == STRANGER
        assert Tally.objects.get().count == 33
        assert verify_audit().problems == []

    def test_of_many_accounts_share_a_row_that_names_none(
        self, brand_a: OfficialAccount, shared_rows: Callable[[float], None]
    ) -> None:
        slugs = [make_account(f"brand-{number}", f"{A}{number}").slug for number in range(9)]
        verify([wrong(number) for number in range(3)])
        shared_rows(8)
        verify([callback for slug in slugs for callback in unlike(slug, 5)])
        mixed = VerificationAttempt.objects.latest("id")

        assert [count for _, count in rows()] == [1, 1, 1, 45]
        assert (mixed.account, mixed.reason) == (None, Reason.MIXED)
        assert {(row.account, row.count) for row in Tally.objects.all()} == {
            (brand_a, 3),
            (None, 45),
        }
        assert verify_audit().problems == []

    def test_equal_ones_keep_their_reason_and_account(
        self, brand_a: OfficialAccount, shared_rows: Callable[[float], None]
    ) -> None:
        verify([wrong(number) for number in range(3)])
        shared_rows(0)
        verify([wrong(number) for number in range(9)])
        shared = VerificationAttempt.objects.latest("id")

        assert (shared.account, shared.reason) == (brand_a, Reason.SIGNATURE_MISMATCH)
        assert shared.occurrences == 9

    def test_noise_is_no_noise_any_more_beside_something_else(
        self, brand_a: OfficialAccount, shared_rows: Callable[[float], None]
    ) -> None:
        """A list that leaves noise out must not hide what else the row stands for."""
        probe = make_callback(verification("", nonce="7"), peer=STRANGER)
        verify([wrong(number) for number in range(3)])
        shared_rows(0)
        verify([probe, wrong(4), probe])
        mixed = VerificationAttempt.objects.latest("id")

        assert (mixed.occurrences, is_noise(vars(mixed))) == (3, False)
        assert Tally.objects.get().noise == 0
        assert verify_audit().problems == []

    def test_noise_of_one_account_stays_noise(
        self, brand_a: OfficialAccount, shared_rows: Callable[[float], None]
    ) -> None:
        opened = make_callback("", peer=STRANGER)
        verify([wrong(number) for number in range(3)])
        shared_rows(2)
        verify([*unlike("brand-a", 12), opened, opened])

        assert [count for _, count in rows()][3:] == [12, 2]
        assert Tally.objects.get().noise == 2

    def test_have_a_budget_of_rows_that_each_second_fills(
        self, brand_a: OfficialAccount, clock: Callable[[float], None]
    ) -> None:
        slugs = [make_account(f"brand-{number}", f"{A}{number}").slug for number in range(9)]
        verify([wrong(number) for number in range(3)])
        before = len(rows())
        for tenth in range(200):
            clock(60 + tenth / 10)
            row_budget.refused[STRANGER] = MAX_OF_ONE
            verify([callback for slug in slugs for callback in unlike(slug, 3)])

        assert len(rows()) - before <= 20 * flood_module.MAX_SHARED_ROWS + 20
        assert sum(count for _, count in rows()) == 3 + 200 * 27
        assert verify_audit().problems == []

    def test_leave_no_debt_to_the_time_after_the_flood(
        self,
        brand_a: OfficialAccount,
        shared_rows: Callable[[float], None],
        clock: Callable[[float], None],
    ) -> None:
        verify([wrong(number) for number in range(3)])
        shared_rows(EXHAUSTED)
        verify(unlike("brand-a", 5))
        before = len(rows())
        clock(32.5)
        verify(unlike("brand-a", 5))

        assert len(rows()) - before == 5  # each has another reason or detail

    def test_do_not_hide_an_accepted_request_or_a_refusal_of_another_source(
        self, brand_a: OfficialAccount, shared_rows: Callable[[float], None]
    ) -> None:
        verify([wrong(number) for number in range(3)])
        shared_rows(0)
        honest = make_callback(verification(A), peer=WECHAT)
        verify([*unlike("brand-a", 9), honest, wrong(99, WECHAT), *unlike("brand-a", 9)])
        accepted = VerificationAttempt.objects.get(reason=None)

        assert rows()[3:] == [(STRANGER, 18), (WECHAT, 1), (WECHAT, 1)]
        assert (accepted.account, accepted.client_ip) == (brand_a, WECHAT)


@pytest.fixture
def shared_rows() -> Callable[[float], None]:
    """Provide a function that sets how many shared rows are left."""

    def leave(count: float) -> None:
        row_budget.shared_rows = count

    return leave


def unlike(slug: str, count: int) -> list[Callback]:
    """Return refusals that differ in reason or detail; none of them is internet noise."""
    queries = [
        verification(B),
        f"{verification(A)}&nonce=3",
        verification(A, timestamp="noon"),
        verification(A).replace("nonce=", "nonce=%C3%A9"),
        f"{verification(A)}&timestamp=3",
    ]
    path = f"/wechat/{slug}".encode()
    callbacks = [make_callback(query, path=path, peer=STRANGER) for query in queries]
    return [*islice(cycle(callbacks), count)]
