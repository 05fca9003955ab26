"""Records can be read with a permission, and changed with none."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.apps import apps
from django.test import Client

from verification.models import OfficialAccount
from verification.tests.support.admin_client import ON_RECORD, page, staff

VIEWER = [f"view_{name}" for name in ON_RECORD]
EVERYTHING = [
    f"{verb}_{name}"
    for verb in ("view", "add", "change", "delete")
    for name in [*ON_RECORD, "officialaccount", "token"]
]


class TestTheRecord:
    @pytest.mark.parametrize("model", ON_RECORD)
    @pytest.mark.parametrize(
        ("person", "seen"),
        [
            ("superuser", 200),
            ("staff who may do everything", 200),
            ("viewer", 200),
            ("staff who may nothing", 403),
            ("anybody", 302),
        ],
    )
    def test_it_is_read_by_those_who_may_and_changed_by_nobody(
        self, on_record: OfficialAccount, person: str, seen: int, model: str, request: Any
    ) -> None:
        client = self.sign_in(person, request)
        rows = apps.get_model("verification", model)._default_manager.order_by("pk")
        before = [*rows.values()]
        row = rows[0].pk

        assert client.get(page(f"{model}_changelist")).status_code == seen
        assert client.get(page(f"{model}_change", row)).status_code == seen
        forbidden = 302 if person == "anybody" else 403
        form = {"detail": "forged", "count": "7", "actor": "nobody", "post": "yes", "_save": "1"}
        for url in (
            page(f"{model}_add"),
            page(f"{model}_change", row),
            page(f"{model}_delete", row),
        ):
            assert client.post(url, form).status_code == forbidden, url
        assert [*rows.values()] == before

    def sign_in(self, person: str, request: Any) -> Client:
        if person == "superuser":
            superuser: Client = request.getfixturevalue("li_wei_at_work")
            return superuser
        if person == "anybody":
            return Client()
        codenames = {"viewer": VIEWER, "staff who may do everything": EVERYTHING}.get(person, [])
        return staff(*codenames)

    @pytest.mark.parametrize("model", ON_RECORD)
    def test_lists_offer_no_action_and_cannot_be_edited(
        self, on_record: OfficialAccount, li_wei_at_work: Client, model: str
    ) -> None:
        rows = apps.get_model("verification", model)._default_manager.order_by("pk")
        before = [*rows.values()]
        url = page(f"{model}_changelist")
        form = {"action": "delete_selected", "_selected_action": rows[0].pk, "post": "yes"}

        assert 'name="action"' not in li_wei_at_work.get(url).text
        li_wei_at_work.post(url, {**form, "form-TOTAL_FORMS": "1", "_save": "1"})
        assert [*rows.values()] == before

    @pytest.mark.parametrize("model", [*ON_RECORD, "officialaccount"])
    def test_every_filter_answers(
        self, on_record: OfficialAccount, li_wei_at_work: Client, model: str
    ) -> None:
        text = li_wei_at_work.get(page(f"{model}_changelist")).text
        links = set(re.findall(r'<a href="(\?[^"]+)"', text))

        assert links or model == "seal"
        for link in links:
            url = page(f"{model}_changelist") + link.replace("&amp;", "&")
            assert li_wei_at_work.get(url).status_code == 200, link


@pytest.mark.parametrize("model", ON_RECORD)
def test_a_record_needs_no_jquery(
    on_record: OfficialAccount, li_wei_at_work: Client, model: str
) -> None:
    rows = apps.get_model("verification", model)._default_manager.order_by("pk")
    for url in (page(f"{model}_changelist"), page(f"{model}_change", rows[0].pk)):
        assert "jquery" not in li_wei_at_work.get(url).text


@pytest.mark.parametrize("model", ["tally", "seal", "verificationattempt"])
def test_the_way_to_a_record_ends_with_its_number(
    on_record: OfficialAccount, li_wei_at_work: Client, model: str
) -> None:
    newest = apps.get_model("verification", model)._default_manager.latest("pk").pk
    text = li_wei_at_work.get(page(f"{model}_change", newest)).text
    way = re.findall(r'class="breadcrumbs">(.*?)</div>', text, re.DOTALL)[0]

    assert way.rpartition("&rsaquo;")[2].strip() == str(newest)
