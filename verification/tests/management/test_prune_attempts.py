from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import reverse

from verification.audit_log.checkpoint import verified_start_of_log
from verification.audit_log.integrity import latest_check
from verification.audit_log.verifier import verify_audit, verify_kept_head
from verification.models import (
    ChangeEvent,
    Checkpoint,
    OfficialAccount,
    Seal,
    Tally,
    Token,
    VerificationAttempt,
)
from verification.tests.conftest import Record
from verification.tests.support.admin_urls import every_url
from verification.tests.support.pruning import ids, prune_older_than, prunings
from verification.tests.support.tampering import as_owner

Output = pytest.CaptureFixture[str]


@pytest.mark.usefixtures("two_years")
class TestPruning:
    def test_older_attempts_are_removed_and_the_rest_still_verifies(self, capsys: Output) -> None:
        prune_older_than("400d")

        assert ids() == [6, 7]
        assert sorted(Seal.objects.values_list("id", flat=True)) == [6, 7]
        assert verify_audit().problems == []
        assert "Removed 5 attempts under 5 seals" in capsys.readouterr().out

    def test_the_check_says_where_it_began(self, capsys: Output) -> None:
        prune_older_than("400d")
        call_command("verify_audit")

        said = capsys.readouterr().out
        assert "were pruned, last on " in said
        assert f"by {Checkpoint.objects.get().actor}: 5 attempts under 5 seals." in said
        assert "that stands for them, with attempt 6.\nThe log is intact: 2 attempts" in said

    def test_hourly_counts_stay_and_so_do_accounts(self, brand_a: OfficialAccount) -> None:
        before = sum(Tally.objects.values_list("count", flat=True))
        prune_older_than("0d", yes=True)

        assert sum(Tally.objects.values_list("count", flat=True)) == before == 7
        with pytest.raises(DatabaseError), transaction.atomic():
            OfficialAccount.objects.filter(pk=brand_a.pk).delete()

    def test_the_log_continues_and_can_be_pruned_again(self, record: Record) -> None:
        prune_older_than("600d")
        record(0, 1)
        prune_older_than("400d")

        assert ids() == [6, 7, 8]
        assert verify_audit().problems == []
        assert [checkpoint.last_seal_id for checkpoint in Checkpoint.objects.all()] == [5]

    def test_a_dry_run_changes_nothing(self, capsys: Output) -> None:
        newest = ChangeEvent.objects.latest("id").id
        prune_older_than("400d", dry_run=True)

        assert "Would remove 5 attempts under 5 seals, recorded from 2" in capsys.readouterr().out
        assert len(ids()) == 7
        assert not Checkpoint.objects.exists()
        assert not ChangeEvent.objects.filter(id__gt=newest).exists()

    def test_it_is_recorded_with_what_was_removed(self) -> None:
        first, last = (VerificationAttempt.objects.get(id=number).recorded_at for number in (1, 5))
        prune_older_than("400d")
        [event] = prunings()

        assert event.actor.startswith("command line")
        assert event.facts == {
            "older_than": "400d",
            "attempts": 5,
            "seals": 5,
            "from": first.isoformat(),
            "to": last.isoformat(),
            "checkpoint": verified_start_of_log().text,
            "failures": 0,
        }

    def test_the_newest_seal_always_stays(self) -> None:
        prune_older_than("0d", yes=True)

        assert ids() == [7]
        assert verify_audit().problems == []

    @pytest.mark.parametrize(
        ("days", "sentence"),
        [
            ("183d", "183 days are fewer than six months can have"),
            ("400", '"400" is not a number of days such as 400d'),
            ("1y", '"1y" is not a number of days such as 400d'),
        ],
    )
    def test_a_probable_mistake_is_refused(self, days: str, sentence: str) -> None:
        with pytest.raises(CommandError, match=sentence):
            prune_older_than(days)
        assert len(ids()) == 7

    def test_less_than_six_months_needs_yes(self) -> None:
        prune_older_than("30d", yes=True)

        assert ids() == [6, 7]

    def test_when_nothing_is_that_old_it_says_so(self, capsys: Output) -> None:
        prune_older_than("900d")

        assert "Nothing to prune" in capsys.readouterr().out
        assert not prunings()

    def test_a_log_that_does_not_verify_is_not_touched(self) -> None:
        as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '1' WHERE id = 6")

        with pytest.raises(CommandError, match="nothing was pruned. Something in seal 6"):
            prune_older_than("400d")
        assert len(ids()) == 7
        check = latest_check()
        assert check
        assert not check.is_intact

    def test_a_kept_head_is_still_checked(self) -> None:
        old, kept = Seal.objects.get(id=2), Seal.objects.get(id=6)
        prune_older_than("400d")
        report = verify_audit()
        verify_kept_head(report, kept.id, bytes(kept.digest))
        assert report.problems == []

        verify_kept_head(report, old.id, bytes(old.digest))
        assert report.problems[0].startswith("Seal 2, which you kept, was pruned")

    def test_every_page_works_after_a_pruning(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        prune_older_than("400d")
        for url in every_url(brand_a):
            assert li_wei_at_work.get(url).status_code < 500, url

    def test_the_list_opens_during_a_pruning(
        self, li_wei_at_work: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A step of the pruning is committed after the page has read where the log begins."""
        prune_older_than("400d")
        monkeypatch.setattr(
            "verification.audit_log.positions.Checkpoint.objects.first", lambda: None
        )

        page = li_wei_at_work.get(reverse("admin:verification_verificationattempt_changelist"))
        assert page.status_code == 200
        assert f"/{ids()[-1]}/change/" in page.text

    def test_for_a_pruned_attempt_people_read_where_the_log_begins(
        self, li_wei_at_work: Client
    ) -> None:
        prune_older_than("400d")
        attempts = reverse("admin:verification_verificationattempt_changelist")

        assert li_wei_at_work.get(f"{attempts}1/change/").status_code == 302
        with pytest.raises(
            CommandError, match="Attempt 1 was pruned: the log begins with attempt 6."
        ):
            call_command("explain_attempt", "1")

    def test_a_token_can_be_deleted_once_all_its_attempts_are_pruned(
        self, brand_a: OfficialAccount
    ) -> None:
        with pytest.raises(DatabaseError), transaction.atomic():
            delete(brand_a.tokens.get())
        prune_older_than("0d", yes=True)
        delete(brand_a.tokens.get())

        assert not brand_a.tokens.exists()


def delete(token: Token) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM verification_token WHERE id = %s", [token.pk])


def test_it_is_in_the_change_log(two_years: None, li_wei_at_work: Client) -> None:
    prune_older_than("400d")
    [event] = prunings()
    url = reverse("admin:verification_changeevent_change", args=[event.pk])

    page = li_wei_at_work.get(url).text
    assert "older than 400d · 5 attempts · " in page
    assert f"checkpoint {verified_start_of_log().text}" in page


def test_the_integrity_page_says_who_pruned(two_years: None, li_wei_at_work: Client) -> None:
    prune_older_than("400d")
    page = li_wei_at_work.get(reverse("admin:integrity")).text

    assert "The first 5 attempts, most recently on " in page
    assert f"by {Checkpoint.objects.get().actor}. A sealed checkpoint replaces them." in page
