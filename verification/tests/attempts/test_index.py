"""The newest and oldest attempts are found by key, on PostgreSQL by its index."""

from __future__ import annotations

from enum import IntEnum

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from verification.attempts.index import ALL_REASONS, KIND_BITS, AttemptIndex, require_bits
from verification.attempts.page import ids_with
from verification.models import OfficialAccount, VerificationAttempt
from verification.models.noise import NOISE
from verification.protocol.enums import Kind, Reason
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import call, wechat_verifies
from verification.tests.support.query_plans import plan_of


@pytest.fixture
def calls(brand_a: OfficialAccount, brand_b: OfficialAccount) -> list[int]:
    """Record attempts 1–3 of Brand A, 4–5 of Brand B, 6 of no account, and 7, which is noise.

    Return the ids of the two accounts.
    """
    for account, token in [(brand_a, A), (brand_a, B), (brand_a, B), (brand_b, B), (brand_b, A)]:
        wechat_verifies(account, token)
    call("/wechat/brand-c", A, **{"User-Agent": "Mozilla/4.0"})
    call("/wechat/wp-login", A, **{"User-Agent": "zgrab"})
    return [brand_a.pk, brand_b.pk]


def test_the_newest_and_oldest_of_each_key_are_found(calls: list[int]) -> None:
    index = AttemptIndex(calls, [Kind.URL_VERIFICATION])

    assert index.newest(1) == [5, 4, 3, 1]
    assert index.newest(2) == [5, 4, 3, 2, 1]
    assert index.oldest(1) == [1, 2, 4, 5]


def test_only_ids_within_a_range_are_found(calls: list[int]) -> None:
    assert AttemptIndex(calls, [Kind.URL_VERIFICATION]).newest(9, range(2, 5)) == [4, 3, 2]


def test_accounts_kinds_reasons_and_noise_have_different_keys(calls: list[int]) -> None:
    verifications = [Kind.URL_VERIFICATION]

    assert AttemptIndex(calls[:1], verifications, [Reason.SIGNATURE_MISMATCH]).newest(9) == [3, 2]
    assert AttemptIndex(calls, verifications, [0]).newest(9) == [4, 1]
    assert AttemptIndex([0], verifications).newest(9) == [6]
    assert AttemptIndex([0], verifications, is_noise=True).newest(9) == [7]
    assert AttemptIndex(calls, [Kind.MESSAGE_PUSH]).newest(9) == []


def test_every_attempt_has_one_key(calls: list[int]) -> None:
    noise, others = [
        AttemptIndex([0, *calls], Kind, ALL_REASONS, is_noise).newest(9)
        for is_noise in (True, False)
    ]

    assert sorted(noise + others) == [1, 2, 3, 4, 5, 6, 7]
    assert noise == list(VerificationAttempt.objects.filter(NOISE).values_list("id", flat=True))


@pytest.mark.postgresql
def test_the_index_was_created_with_the_current_definition_of_noise(calls: list[int]) -> None:
    """If this fails, a migration must create the index again, with the SQL of index.key_sql()."""
    with CaptureQueriesContext(connection) as queries:
        AttemptIndex(calls, [Kind.URL_VERIFICATION]).newest(9)

    assert "attempt_strand" in plan_of(queries[-1]["sql"])


@pytest.mark.postgresql
def test_a_request_id_is_found_by_its_own_index(calls: list[int]) -> None:
    attempt = VerificationAttempt.objects.get(id=2)
    with CaptureQueriesContext(connection) as queries:
        assert ids_with(attempt.request_id) == [2]

    [select] = [query["sql"] for query in queries if query["sql"].startswith("SELECT")]
    assert "attempt_request_id" in plan_of(select)


def test_a_fourth_kind_does_not_fit_into_a_key() -> None:
    """Its attempts would be found under another key, because it needs a bit of that key."""

    class KindWithAFourth(IntEnum):
        FIRST, SECOND, THIRD, FOURTH = range(1, 5)

    require_bits(Kind, KIND_BITS)
    with pytest.raises(AssertionError, match="KindWithAFourth needs more than 2 bits of a key"):
        require_bits(KindWithAFourth, KIND_BITS)
