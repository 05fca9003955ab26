from __future__ import annotations

import signal
from threading import Thread
from typing import Any

import pytest
from django.core.management.base import CommandError
from django.db import DatabaseError, connection
from django.test import Client

from verification.audit_log import pruning
from verification.audit_log.verifier import verify_audit
from verification.change_log import Actor
from verification.tests.support.adapter import A
from verification.tests.support.pruning import ids, prune_older_than, prunings
from verification.tests.support.signer import verification


def test_ctrl_c_stops_it_after_a_step_and_a_second_run_continues(
    two_years: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "MAX_SEALS", 1)
    with monkeypatch.context() as patch:
        patch.setattr(pruning, "_verify", lambda *_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(CommandError, match="Stopped: 4 of 5 attempts") as stop:
            prune_older_than("400d")

    assert stop.value.returncode == 130
    assert ids()[0] == 2
    assert verify_audit().problems == []
    assert prunings()[0].facts["stopped_before"] == 5
    assert prunings()[0].facts["attempts"] == 1
    prune_older_than("400d")
    assert ids() == [6, 7]


def test_a_step_that_fails_removes_nothing(
    two_years: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "make_checkpoint", fail)
    with pytest.raises(CommandError, match=r"^The database cannot be used: disk full\.$"):
        prune_older_than("400d")

    assert len(ids()) == 7
    assert verify_audit().problems == []
    assert prunings()[0].facts["attempts"] == 0


def fail(*_: object) -> None:
    raise DatabaseError("disk full")


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
class TestConcurrency:
    def test_a_callback_is_answered_during_a_step(
        self, two_years: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        statuses: list[int] = []

        def call_as_wechat() -> None:
            statuses.append(Client().get(f"/wechat/brand-a?{verification(A)}").status_code)
            connection.close()  # each thread has its own

        def delete_while_wechat_calls(model: Any, first: int, last: int) -> None:
            original_delete(model, first, last)
            wechat = Thread(target=call_as_wechat)
            wechat.start()
            wechat.join()

        original_delete = pruning._delete
        monkeypatch.setattr(pruning, "_delete", delete_while_wechat_calls)
        prune_older_than("400d")

        assert set(statuses) == {200}
        assert ids() == [*range(6, 8 + len(statuses))]
        assert verify_audit().problems == []

    def test_two_prunings_take_turns(
        self, two_years: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pruning, "MAX_SEALS", 1)
        cut = pruning.find_cut(400)
        assert cut

        def prune() -> None:
            pruning.prune(cut, Actor("zhang.wei"), lambda _removed: True)
            connection.close()

        threads = [Thread(target=prune) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert ids() == [6, 7]
        assert verify_audit().problems == []
        assert [event.facts["attempts"] for event in prunings()] == [5, 5]


def test_pruning_an_empty_log_removes_nothing(db: None) -> None:
    assert pruning.find_cut(0) is None
