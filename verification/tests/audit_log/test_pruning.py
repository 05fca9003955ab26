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


def test_ctrl_c_ends_it_after_a_step_and_a_second_run_goes_on(
    two_years: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "MOST_SEALS", 1)
    with monkeypatch.context() as patch:
        patch.setattr(pruning, "_follow", lambda *_: signal.raise_signal(signal.SIGINT))
        with pytest.raises(CommandError, match="Stopped: 4 of 5 attempts") as stop:
            prune_older_than("400d")

    assert stop.value.returncode == 130
    assert ids()[0] == 2
    assert verify_audit().problems == []
    assert prunings()[0].facts["stopped_before"] == 5
    assert prunings()[0].facts["attempts"] == 1
    prune_older_than("400d")
    assert ids() == [6, 7]


def test_a_step_that_fails_leaves_all_that_it_would_have_removed(
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
class TestWhileOthersWork:
    def test_a_callback_is_answered_in_the_middle_of_a_step(
        self, two_years: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        statuses: list[int] = []

        def call_as_wechat() -> None:
            statuses.append(Client().get(f"/wechat/brand-a?{verification(A)}").status_code)
            connection.close()  # this thread's own

        def delete_and_dawdle(model: Any, first: int, last: int) -> None:
            just_delete(model, first, last)
            wechat = Thread(target=call_as_wechat)
            wechat.start()
            wechat.join()

        just_delete = pruning._delete
        monkeypatch.setattr(pruning, "_delete", delete_and_dawdle)
        prune_older_than("400d")

        assert set(statuses) == {200}
        assert ids() == [*range(6, 8 + len(statuses))]
        assert verify_audit().problems == []

    def test_of_two_prunings_one_waits_for_each_step_of_the_other(
        self, two_years: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pruning, "MOST_SEALS", 1)
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
