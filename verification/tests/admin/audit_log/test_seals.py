"""The pages of seals, and what the lists of records say about a record that is not there."""

from __future__ import annotations

import pytest
from django.test import Client

from verification.models import OfficialAccount, VerificationAttempt
from verification.tests.support.admin_client import ON_RECORD, page, staff
from verification.tests.support.pruning import prune_older_than
from verification.tests.support.tampering import as_owner


class TestTheSeal:
    def test_it_verifies_and_leads_to_its_attempts(
        self, on_record: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        text = li_wei_at_work.get(page("seal_change", 1)).text

        assert "This seal verifies" in text
        assert page("verificationattempt_change", 1) in text
        assert page("verificationattempt_change", 2) not in text

    def test_it_says_what_is_wrong(
        self, on_record: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '1' WHERE id = 1")
        text = li_wei_at_work.get(page("seal_change", 1)).text

        assert "Something in seal 1 (attempt 1) was altered." in text
        assert "This seal verifies" not in text

    def test_attempts_are_not_shown_without_the_permission(
        self, on_record: OfficialAccount
    ) -> None:
        text = staff("view_seal").get(page("seal_change", 1)).text

        assert "This seal verifies" in text
        assert "/verificationattempt/" not in text


class TestWhatIsNotThere:
    @pytest.mark.parametrize("model", ON_RECORD)
    def test_nobody_is_said_to_have_deleted_it(
        self, on_record: OfficialAccount, li_wei_at_work: Client, model: str
    ) -> None:
        answer = li_wei_at_work.get(page(f"{model}_change", 4711), follow=True)

        assert answer.redirect_chain == [(page(f"{model}_changelist"), 302)]
        assert "with the number 4711." in answer.text
        assert "deleted" not in answer.text.partition('class="messagelist"')[2][:400]

    @pytest.mark.parametrize("model", ON_RECORD)
    def test_it_has_no_history(
        self, on_record: OfficialAccount, li_wei_at_work: Client, model: str
    ) -> None:
        record = page(f"{model}_change", 1)

        assert li_wei_at_work.get(page(f"{model}_history", 1)).headers["Location"] == record

    def test_what_was_pruned_is_called_that(self, two_years: None, li_wei_at_work: Client) -> None:
        prune_older_than("400d")

        for model, record in (("verificationattempt", "Verification attempt"), ("seal", "Seal")):
            answer = li_wei_at_work.get(page(f"{model}_change", 2), follow=True)
            assert f"{record} 2 was pruned. The log begins with number 6." in answer.text
