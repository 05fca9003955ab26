"""A check says what a problem means: an alteration, a missing key, or a newer release."""

from __future__ import annotations

from typing import Any

import pytest

from verification.audit_log.report import MAX_PROBLEMS, LogState
from verification.audit_log.verifier import verify_audit
from verification.models import ChangeEvent, OfficialAccount, VerificationAttempt
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import wechat_verifies
from verification.tests.support.tampering import as_owner

SEALS = MAX_PROBLEMS + 3


@pytest.fixture(autouse=True)
def _lost_key(brand_a: OfficialAccount, settings: Any) -> None:
    """Remove the key that has made all seals and the MACs of all change events."""
    for _ in range(SEALS):
        wechat_verifies(brand_a, A)
    settings.TOKEN_ENCRYPTION_KEYS = ["the-key-of-2026-" * 3]


def test_a_missing_key_breaks_no_seal() -> None:
    report = verify_audit()

    assert report.state is LogState.KEY_MISSING
    assert report.first_broken is None
    assert all(text.startswith("The key ") for text in report.problems)


def test_an_altered_attempt_comes_first_however_many_seals_lack_their_key() -> None:
    as_owner(VerificationAttempt, f"UPDATE {{table}} SET status = 500 WHERE id = {SEALS}")
    report = verify_audit()

    assert report.state is LogState.NOT_INTACT
    assert report.first_broken == SEALS
    assert report.problems[0] == f"Something in seal {SEALS} (attempt {SEALS}) was altered."


def test_a_removed_event_comes_first_as_well() -> None:
    first = ChangeEvent.objects.earliest("id").pk
    as_owner(ChangeEvent, f"DELETE FROM {{table}} WHERE id = {first}")

    report = verify_audit()
    assert report.state is LogState.NOT_INTACT
    assert not report.problems[0].startswith("The key ")
