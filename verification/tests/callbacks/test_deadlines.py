"""Callbacks that cannot be answered in time are not recorded."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from verification.callbacks import deadlines, recording
from verification.callbacks.deadlines import is_in_time
from verification.callbacks.recording import FirstUses, Unrecorded, verify
from verification.models import OfficialAccount, VerificationAttempt
from verification.protocol.enums import Outcome
from verification.tests.support.adapter import A
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import verification


def test_a_callback_after_its_deadline_is_not_recorded(
    brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = make_callback(verification(A))
    monkeypatch.setattr(deadlines, "BATCH_DEADLINE", -1)
    # The watchdog would cut off the connection that holds the test's own transaction.
    monkeypatch.setattr(recording, "watchdog", lambda _seconds: nullcontext())

    with pytest.raises(Unrecorded, match="TooLate"):
        verify([late])
    assert not VerificationAttempt.objects.exists()


def test_a_callback_that_becomes_late_while_it_is_judged_is_not_recorded(
    brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dawdle(*_: Any) -> None:
        monkeypatch.setattr(deadlines, "BATCH_DEADLINE", -1)

    monkeypatch.setattr(FirstUses, "mark", dawdle)

    with pytest.raises(Unrecorded, match="TooLate"):
        verify([make_callback(verification(A))])
    assert not VerificationAttempt.objects.exists()


def test_a_slow_callback_that_is_in_time_is_recorded(
    brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dawdle(*_: Any) -> None:
        monkeypatch.setattr(recording, "remaining", lambda _started: 0.1)

    monkeypatch.setattr(FirstUses, "mark", dawdle)

    assert verify([make_callback(verification(A))])[0].outcome is Outcome.ACCEPTED


@pytest.mark.parametrize(("age", "is_taken"), [(0, True), (1.9, True), (2.1, False)])
def test_a_batch_takes_only_callbacks_that_can_be_in_time(age: float, is_taken: bool) -> None:
    callback = make_callback(verification(A))

    assert is_in_time(replace(callback, started=callback.started - age)) is is_taken
