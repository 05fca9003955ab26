"""Pages mark a change event that was altered, and undo a change that cannot be recorded."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client

from verification import change_log
from verification.accounts.pausing import pause
from verification.models import ChangeEvent, OfficialAccount
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.tampering import as_owner, triggers_off


def altered(event: ChangeEvent) -> str:
    return f"Change event {event.pk} was altered, or this server did not record it"


class TestPages:
    """A page does not show an event that was altered as if it were true."""

    @pytest.fixture
    def changed(self, brand_a: OfficialAccount) -> ChangeEvent:
        pause(brand_a, LI_WEI)
        return ChangeEvent.objects.latest("id")

    def pages(self, event: ChangeEvent) -> list[str]:
        return [
            f"/admin/verification/changeevent/{event.pk}/change/",
            f"/admin/verification/officialaccount/{event.account_id}/change/",
        ]

    def test_an_event_that_was_altered_is_marked(
        self, li_wei_at_work: Client, changed: ChangeEvent
    ) -> None:
        as_owner(ChangeEvent, f"UPDATE {{table}} SET actor = 'x' WHERE id = {changed.pk}")

        for page in self.pages(changed):
            assert altered(changed) in li_wei_at_work.get(page).text

    def test_one_that_was_not_is_not(self, li_wei_at_work: Client, changed: ChangeEvent) -> None:
        for page in self.pages(changed):
            text = li_wei_at_work.get(page).text
            assert "was altered" not in text
        assert "✓ verifies" in li_wei_at_work.get(self.pages(changed)[0]).text

    def test_one_of_the_release_before_is_not(self, li_wei: User) -> None:
        old = ChangeEvent.objects.create(action="signed_in", actor="li.wei")
        client = Client()
        client.force_login(li_wei)  # records the first signed event

        assert "has no MAC" not in client.get(self.pages(old)[0]).text

    def test_a_sign_off_that_was_altered_is_marked(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        User.objects.update(first_name="Wei", last_name="Li")
        form = {"first": "2026-07-01", "last": "2026-09-30", "note": "Looked at all refusals."}
        signed = li_wei_at_work.post("/admin/verification/changeevent/sign-offs/new/", form)
        assert signed.status_code == 302
        event = ChangeEvent.objects.latest("id")
        event.facts["note"] = "Nothing to see."
        with triggers_off(ChangeEvent):
            event.save()

        for page in ("", f"{event.pk}/"):
            text = li_wei_at_work.get(f"/admin/verification/changeevent/sign-offs/{page}").text
            assert altered(event) in text


def test_an_event_that_cannot_be_recorded_undoes_the_change_and_shows_the_error_page(
    li_wei_at_work: Client, brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deadlock() -> bytes:
        raise OperationalError("deadlock detected")

    monkeypatch.setattr(change_log, "_lock_end_of_chain", deadlock)
    li_wei_at_work.raise_request_exception = False
    url = f"/admin/verification/officialaccount/pause/?account={brand_a.pk}"
    response = li_wei_at_work.post(url)

    assert response.status_code == 500
    assert "The server could not complete this request." in response.text
    assert "deadlock" not in response.text
    brand_a.refresh_from_db()
    assert not brand_a.is_paused
