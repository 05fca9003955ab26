from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import (
    DataError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
    connection,
)
from django.test import Client
from django.utils import timezone

from verification.accounts.tokens import rotate_token
from verification.callbacks import batch
from verification.callbacks.recording import (
    PoisonedBatch,
    Unrecorded,
    connect_to_database,
    verify,
)
from verification.fields import Secret
from verification.models import ChainHead, OfficialAccount, Seal, Tally, Token, VerificationAttempt
from verification.models.rotating_secret import OVERLAP
from verification.protocol.enums import Outcome
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, B, last_attempt
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import push, verification

NEW = "NewTokenOfBrandA99"


def is_accepted(token: str) -> bool:
    [verdict] = verify([make_callback(verification(token))])
    return verdict.outcome is Outcome.ACCEPTED


class TestRotation:
    def test_the_old_token_waits_until_wechat_used_the_new_one(
        self, brand_a: OfficialAccount
    ) -> None:
        old = brand_a.tokens.get()
        rotate_token(brand_a, NEW, LI_WEI)
        assert is_accepted(A)
        old.refresh_from_db()
        assert old.expires_at is None

        assert is_accepted(NEW)
        old.refresh_from_db()
        assert old.expires_at == last_attempt().recorded_at + OVERLAP

    def test_a_token_under_a_lost_key_can_be_replaced(
        self, brand_a: OfficialAccount, settings: Any
    ) -> None:
        settings.TOKEN_ENCRYPTION_KEYS = ["another key, of thirty-two letters or more"]
        rotate_token(brand_a, NEW, LI_WEI)

        assert is_accepted(NEW)

    def test_the_old_token_expires(self, brand_a: OfficialAccount) -> None:
        rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(hours=1))
        assert is_accepted(A)
        Token.objects.filter(superseded_at__isnull=False).update(expires_at=timezone.now())

        assert not is_accepted(A)
        assert is_accepted(NEW)

    def test_after_a_leak_the_old_token_expires_at_once(self, brand_a: OfficialAccount) -> None:
        rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(0))

        assert not is_accepted(A)

    def test_after_a_leak_no_earlier_token_stays_valid(self, brand_a: OfficialAccount) -> None:
        rotate_token(brand_a, NEW, LI_WEI)
        rotate_token(brand_a, "TheThirdToken1234", LI_WEI, keep_old=timedelta(0))

        assert [is_accepted(token) for token in (A, NEW, "TheThirdToken1234")] == [
            False,
            False,
            True,
        ]

    def test_a_late_use_of_a_replaced_token_sets_no_expiry(self, brand_a: OfficialAccount) -> None:
        first = brand_a.tokens.get()  # as a batch read it: current and unused
        rotate_token(brand_a, NEW, LI_WEI)
        first.record_first_use(timezone.now())

        first.refresh_from_db()
        assert first.expires_at is None

    def test_a_push_counts_as_use(self, brand_a: OfficialAccount) -> None:
        verify([make_callback(push(A), method="POST")])

        assert brand_a.tokens.get().first_used_at is not None

    def test_a_later_use_does_not_change_the_first(self, brand_a: OfficialAccount) -> None:
        assert is_accepted(A)
        first = brand_a.tokens.get().first_used_at
        assert is_accepted(A)

        assert (
            brand_a.tokens.get().first_used_at
            == first
            == VerificationAttempt.objects.get(id=1).recorded_at
        )

    def test_the_attempt_says_which_token_matched(self, brand_a: OfficialAccount) -> None:
        rotate_token(brand_a, NEW, LI_WEI)

        assert is_accepted(A)
        assert last_attempt().token == brand_a.tokens.get(superseded_at__isnull=False)

    def test_a_token_under_a_lost_key_stops_its_own_account_only(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount, settings: Any
    ) -> None:
        settings.TOKEN_ENCRYPTION_KEYS = ["another key, of thirty-two letters or more"]
        Token.objects.filter(account=brand_b).update(secret=Secret.of(B))
        calls = [
            make_callback(verification(A)),
            make_callback(verification(B), path=b"/wechat/brand-b"),
        ]

        assert [verdict.status for verdict in verify(calls)] == [403, 200]


class TestBatches:
    def test_each_callback_has_its_verdict_in_order(self, brand_a: OfficialAccount) -> None:
        queries = [verification(A), verification(B), "signature=1", verification(A)]
        verdicts = verify([make_callback(query) for query in queries])

        assert [verdict.status for verdict in verdicts] == [200, 403, 400, 200]
        assert Seal.objects.get().count == 4

    def test_an_attempt_has_the_id_of_its_seal(self, brand_a: OfficialAccount) -> None:
        assert is_accepted(A)
        assert is_accepted(A)

        for seal in Seal.objects.all():
            assert VerificationAttempt.objects.get(pk=seal.first_id).seal_id == seal.pk

    def test_accepted_pushes_alone_create_no_seal(self, brand_a: OfficialAccount) -> None:
        verify([make_callback(push(A), method="POST")] * 3)

        assert not Seal.objects.exists()
        assert Tally.objects.get().count == 3

    def test_time_never_runs_backwards(self, brand_a: OfficialAccount) -> None:
        future = datetime(2090, 1, 1, tzinfo=UTC)
        assert is_accepted(A)
        ChainHead.objects.update(last_recorded_at=future)

        assert is_accepted(A)
        assert last_attempt().recorded_at == future

    def test_tallies_are_kept_by_the_hour_of_utc(self, brand_a: OfficialAccount) -> None:
        assert is_accepted(A)
        recorded = last_attempt().recorded_at.astimezone(UTC)

        assert Tally.objects.get().hour == recorded.replace(minute=0, second=0, microsecond=0)
        assert Tally.objects.get().last_at == recorded

    def test_fifty_accounts_answer_at_the_root_and_no_more(self, db: None) -> None:
        accounts = OfficialAccount.objects.bulk_create(
            OfficialAccount(slug=f"brand-{number}", name=f"Brand {number}") for number in range(51)
        )
        for account in accounts:
            rotate_token(account, f"TokenOfBrand{account.slug[6:]:>04}", LI_WEI)
        queries = [verification(f"TokenOfBrand{number:>04}") for number in (0, 49, 50)]
        verdicts = verify([make_callback(query, path=b"/") for query in queries])

        assert [verdict.status for verdict in verdicts] == [200, 200, 403]


class TestTiming:
    @pytest.mark.parametrize("slug", ["brand-a", "nobody", "resting", "empty"])
    def test_every_refusal_costs_the_same_queries(
        self,
        brand_a: OfficialAccount,
        slug: str,
        django_assert_num_queries: Callable[[int], AbstractContextManager[object]],
    ) -> None:
        make_account("resting", "TokenOfTheResting", is_paused=True)
        make_account("empty")
        verify([make_callback(verification(B))])  # The first batch creates the head.
        expected = 2 if connection.vendor == "postgresql" else 8

        with django_assert_num_queries(expected):
            verify([make_callback(verification(B), path=f"/wechat/{slug}".encode())])


class TestFailure:
    """There is no answer without a record."""

    @pytest.fixture(autouse=True)
    def _broken_seal(self, brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: Any) -> None:
            raise OperationalError("the disk is full")

        monkeypatch.setattr(batch, "make_seal", fail)
        # In a test the connection holds the test's own transaction.
        monkeypatch.setattr(connection, "close", lambda: None)

    def test_a_bug_gives_a_503_too(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(batch, "make_seal", lambda *_: 1 / 0)

        assert client.get(f"/wechat/brand-a?{verification(A)}").status_code == 503

    @pytest.mark.parametrize(
        ("error", "raised"),
        [
            (DataError, PoisonedBatch),
            (IntegrityError, PoisonedBatch),
            (KeyError, PoisonedBatch),
            (OperationalError, Unrecorded),
            (InterfaceError, Unrecorded),
            (ProgrammingError, Unrecorded),
        ],
    )
    def test_only_what_failed_before_the_commit_is_tried_again(
        self,
        monkeypatch: pytest.MonkeyPatch,
        error: type[Exception],
        raised: type[Unrecorded],
    ) -> None:
        """After a later failure the batch may be on record, and would be recorded twice."""

        def fail(*_: Any) -> None:
            raise error

        monkeypatch.setattr(batch, "make_seal", fail)
        with pytest.raises(Unrecorded) as caught:
            verify([make_callback(verification(A))])
        assert type(caught.value) is raised

    def test_nothing_of_the_batch_remains(self) -> None:
        with pytest.raises(Unrecorded):
            verify([make_callback(verification(A))])

        assert not VerificationAttempt.objects.exists()
        assert not Tally.objects.exists()

    def test_the_reply_is_try_again_and_the_log_has_a_line(
        self, client: Client, caplog: pytest.LogCaptureFixture
    ) -> None:
        response = client.get(f"/wechat/brand-a?{verification(A)}")

        assert (response.status_code, response.content) == (503, b"try again")
        assert response["Retry-After"] == "5"
        assert '"event": "attempt_unrecorded"' in caplog.text
        assert "the disk is full" not in caplog.text


@pytest.mark.postgresql
def test_a_writer_connects_before_the_first_callback(transactional_db: None) -> None:
    connection.close()
    connect_to_database()

    assert connection.connection is not None
    assert connection.connection.closed == 0
