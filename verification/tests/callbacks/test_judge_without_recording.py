"""Whether callbacks are deferred is decided without recording anything."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError, connection

from verification.callbacks import flood as flood_module
from verification.callbacks.flood import MAX_INDIVIDUAL_ROWS
from verification.callbacks.recording import (
    judge_without_recording,
    probe_database,
    row_budget,
    verify,
)
from verification.models import OfficialAccount, Tally, VerificationAttempt
from verification.protocol.callback import Callback
from verification.tests.support.adapter import A, B
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import verification


def refused_by(peer: str) -> Callback:
    return make_callback(verification(B), peer=peer)


def test_judging_without_recording_gives_the_same_verdicts_and_records_nothing(
    brand_a: OfficialAccount,
) -> None:
    callbacks = [
        make_callback(verification(A)),
        make_callback(verification(B)),
        make_callback("signature=1"),
    ]
    verdicts = judge_without_recording(callbacks)

    assert [verdict.status for verdict in verdicts] == [200, 403, 400]
    assert not VerificationAttempt.objects.exists()
    assert not Tally.objects.exists()
    assert verdicts == verify(callbacks)


def test_a_source_may_share_rows_once_its_budget_is_spent(
    brand_a: OfficialAccount,
) -> None:
    verify([refused_by("6.6.6.6") for _ in range(MAX_INDIVIDUAL_ROWS)])

    assert row_budget.may_share_row(refused_by("6.6.6.6"))
    assert not row_budget.may_share_row(refused_by("81.69.103.129"))


def test_every_source_may_share_rows_once_the_total_budget_is_spent(
    brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flood_module, "MAX_REFUSED_ROWS", 3)
    verify([refused_by(f"6.6.6.{number}") for number in range(3)])

    assert row_budget.may_share_row(refused_by("81.69.103.129"))


def test_only_a_url_accepted_too_often_may_share_rows(brand_a: OfficialAccount) -> None:
    verify([make_callback(verification(A, nonce="1")) for _ in range(MAX_INDIVIDUAL_ROWS)])

    assert row_budget.may_share_row(make_callback(verification(A, nonce="1")))
    assert not row_budget.may_share_row(make_callback(verification(A, nonce="2")))


def test_a_probe_returns_what_is_wrong_with_the_database(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert probe_database() is None

    def fail(*_: Any) -> None:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", fail)
        # In a test the connection holds the test's own transaction.
        patch.setattr(connection, "close", lambda: None)
        assert probe_database() is not None
