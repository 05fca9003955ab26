from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Thread

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from verification import pruning, recording
from verification.audit import verify_audit, verify_kept_head
from verification.checkpoint import make_checkpoint
from verification.models import (
    ChangeEvent,
    Checkpoint,
    OfficialAccount,
    Seal,
    Tally,
    VerificationAttempt,
)
from verification.pruning import find_cut, prune
from verification.tests.contract import A, B
from verification.tests.signer import verification
from verification.tests.tampering import as_owner

Record = Callable[..., None]


@pytest.fixture
def record(brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Attempts so many days ago, each under a seal of its own."""

    def record_attempts(days_ago: float, count: int = 2) -> None:
        moment = timezone.now() - timedelta(days=days_ago)
        monkeypatch.setattr(recording, "moment_of", lambda *_: moment)
        for number in range(count):
            Client().get(f"/wechat/brand-a?{verification(B if number % 2 else A)}")

    return record_attempts


@pytest.fixture
def two_years(record: Record) -> None:
    """Attempts 1–3 are 700 days old, 4 and 5 are 420, 6 and 7 are of today."""
    record(700, 3)
    record(420)
    record(0)


def ids() -> list[int]:
    return list(VerificationAttempt.objects.order_by("id").values_list("id", flat=True))


def prune_older_than(days: str, **options: bool) -> None:
    call_command("prune_attempts", older_than=days, **options)


@pytest.mark.usefixtures("two_years")
class TestPruning:
    def test_what_is_older_goes_and_the_rest_still_verifies(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        prune_older_than("400d")

        assert ids() == [6, 7]
        assert list(Seal.objects.order_by("id").values_list("id", flat=True)) == [6, 7]
        assert verify_audit().problems == []
        assert "Removed 5 attempts under 5 seals" in capsys.readouterr().out
        call_command("verify_audit")
        assert "It was pruned, and begins with attempt 6." in capsys.readouterr().out

    def test_hourly_counts_and_accounts_stay(self, brand_a: OfficialAccount) -> None:
        before = sum(Tally.objects.values_list("count", flat=True))
        prune_older_than("400d")

        assert sum(Tally.objects.values_list("count", flat=True)) == before == 7
        with pytest.raises(DatabaseError), transaction.atomic():
            OfficialAccount.objects.filter(pk=brand_a.pk).delete()

    def test_the_log_goes_on_and_can_be_pruned_again(self, record: Record) -> None:
        prune_older_than("600d")
        record(0, 1)
        prune_older_than("400d")

        assert ids() == [6, 7, 8]
        assert verify_audit().problems == []

    def test_a_dry_run_changes_nothing(self, capsys: pytest.CaptureFixture[str]) -> None:
        prune_older_than("400d", dry_run=True)

        assert "Would remove 5 attempts under 5 seals" in capsys.readouterr().out
        assert len(ids()) == 7
        assert not Checkpoint.objects.exists()

    def test_it_is_on_record_with_what_went(self) -> None:
        prune_older_than("400d")
        event = ChangeEvent.objects.get(action=ChangeEvent.Action.PRUNED)

        assert event.actor.startswith("command line")
        assert (event.facts["attempts"], event.facts["seals"], event.facts["last_seal"]) == (
            5,
            5,
            5,
        )

    def test_stopped_between_two_steps_it_says_so_and_goes_on_later(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pruning, "MOST_SEALS", 1)
        cut = find_cut(timezone.now() - timedelta(days=400))
        assert cut
        prune(cut, "zhang.wei", goes_on=lambda _removed: False)

        assert ids()[0] == 2
        assert verify_audit().problems == []
        stopped = ChangeEvent.objects.first()
        assert stopped
        assert stopped.facts["is_stopped"]
        prune_older_than("400d")
        assert ids() == [6, 7]

    def test_the_newest_seal_stays_however_old(self) -> None:
        tomorrow = timezone.now() + timedelta(days=1)
        cut = find_cut(tomorrow)
        assert cut
        prune(cut, "zhang.wei", goes_on=lambda _removed: True)

        assert ids() == [7]
        assert verify_audit().problems == []

    @pytest.mark.parametrize(
        ("days", "sentence"),
        [
            ("30d", "30 days are fewer than six months can have"),
            ("400", '"400" is not a number of days such as 400d'),
            ("1y", '"1y" is not a number of days such as 400d'),
        ],
    )
    def test_what_would_be_a_slip_is_refused(self, days: str, sentence: str) -> None:
        with pytest.raises(CommandError, match=sentence):
            prune_older_than(days)
        assert len(ids()) == 7

    def test_less_than_six_months_wants_a_yes(self) -> None:
        prune_older_than("30d", yes=True)

        assert ids() == [6, 7]

    def test_when_nothing_is_that_old_it_says_so(self, capsys: pytest.CaptureFixture[str]) -> None:
        prune_older_than("900d")

        assert "Nothing to prune" in capsys.readouterr().out
        assert not ChangeEvent.objects.filter(action=ChangeEvent.Action.PRUNED).exists()

    def test_a_log_that_does_not_verify_is_not_touched(self) -> None:
        as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '1' WHERE id = 6")

        with pytest.raises(CommandError, match="nothing was pruned. Something in seal 6"):
            prune_older_than("400d")
        assert len(ids()) == 7

    def test_a_head_that_was_kept_still_tells(self) -> None:
        old, kept = Seal.objects.get(id=2), Seal.objects.get(id=6)
        prune_older_than("400d")
        report = verify_audit()
        verify_kept_head(report, kept.id, bytes(kept.digest))
        assert report.problems == []

        verify_kept_head(report, old.id, bytes(old.digest))
        assert report.problems[0].startswith("Seal 2, which you kept, was pruned")


@pytest.fixture
def pruned(two_years: None) -> None:
    prune_older_than("400d")


@pytest.mark.usefixtures("pruned")
class TestTampering:
    """What the owner of the database can do to a pruned log, and is seen to have done."""

    def problem(self) -> str:
        problems = verify_audit().problems
        assert problems
        return problems[0]

    @pytest.mark.parametrize(
        "change", ["last_seal_id = 4", "last_attempt_id = 4", "key_id = 'beefbeef'"]
    )
    def test_an_altered_checkpoint(self, change: str) -> None:
        as_owner(Checkpoint, f"UPDATE {{table}} SET {change}")

        assert "checkpoint" in self.problem()

    def test_a_checkpoint_that_is_gone(self) -> None:
        as_owner(Checkpoint, "DELETE FROM {table}")

        assert self.problem() == "Seal 1 is missing."

    def test_more_removed_than_was_pruned(self) -> None:
        as_owner(VerificationAttempt, "DELETE FROM {table} WHERE id = 6")
        as_owner(Seal, "DELETE FROM {table} WHERE id = 6")

        assert self.problem() == "Seal 6 is missing."

    def test_a_removed_attempt_put_back(self) -> None:
        attempt = VerificationAttempt.objects.get(id=6)
        attempt.id, attempt.seal_id = 3, 3
        attempt.save(force_insert=True)

        assert self.problem() == "Attempt 3 is out of place: the log begins with attempt 6."

    def test_the_checkpoint_is_append_only(self) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            Checkpoint.objects.update(last_seal_id=1)


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_callback_is_answered_in_the_middle_of_a_pruning(
    two_years: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    statuses: list[int] = []

    def call_as_wechat() -> None:
        statuses.append(Client().get(f"/wechat/brand-a?{verification(A)}").status_code)
        connection.close()  # this thread's own

    def make_late(last: Seal, recorded_at: datetime) -> Checkpoint:
        wechat = Thread(target=call_as_wechat)
        wechat.start()
        wechat.join()
        return make_checkpoint(last, recorded_at)

    monkeypatch.setattr(pruning, "make_checkpoint", make_late)
    prune_older_than("400d")

    assert set(statuses) == {200}
    assert ids() == [*range(6, 8 + len(statuses))]
    assert verify_audit().problems == []


def test_pruning_an_empty_log_removes_nothing(db: None) -> None:
    assert find_cut(datetime(2090, 1, 1, tzinfo=timezone.get_current_timezone())) is None
