"""The change log in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from verification import change_log
from verification.accounts.pausing import pause
from verification.accounts.tokens import rotate_token
from verification.change_log import Actor
from verification.models import ChangeEvent, OfficialAccount
from verification.tests.support.accounts import make_account
from verification.tests.support.admin_client import PASSWORD, Action, actions, page

CANARY = "CanaryInTheCoalMine2026"
EXPORT: dict[str, Any] = {
    "format": "csv",
    "rows": 1,
    "sha256": "9f" * 32,
    "filters": {},
    "complete": True,
}


class TestTheChangeLog:
    def test_signing_in_and_out_is_recorded_with_the_address(self, li_wei: User) -> None:
        client = Client(REMOTE_ADDR="81.69.103.129")
        form = {"username": "li.wei", "password": PASSWORD}
        assert client.post(reverse("admin:login"), form).status_code == 302
        client.post(reverse("admin:logout"))

        assert actions() == [Action.SIGNED_IN, Action.SIGNED_OUT]
        for event in ChangeEvent.objects.all():
            assert (event.actor, event.client_ip) == ("li.wei", "81.69.103.129")

    def test_a_failed_sign_in_is_recorded_without_the_password(self, li_wei: User) -> None:
        form = {"username": "li.wei", "password": CANARY}
        assert Client().post(reverse("admin:login"), form).status_code == 200
        event = ChangeEvent.objects.get()

        assert (event.actor, event.action) == ("li.wei", Action.SIGN_IN_FAILED)
        assert CANARY not in f"{[*ChangeEvent.objects.values()]}"

    def test_events_of_an_account_that_was_deleted_since_can_be_read(
        self, li_wei_at_work: Client
    ) -> None:
        account = make_account("gone", "TokenOfTheGoneOne")
        event = ChangeEvent.objects.get(account=account, action=Action.TOKEN_CREATED)
        account.delete()

        for url in (page("changeevent_changelist"), page("changeevent_change", event.pk)):
            response = li_wei_at_work.get(url)
            assert response.status_code == 200
            assert "deleted since" in response.text

    def test_an_event_of_no_account_shows_a_dash_and_not_none(self, li_wei_at_work: Client) -> None:
        event = change_log.record(Action.KEYS_ROTATED, Actor("li.wei"))

        assert "None" not in li_wei_at_work.get(page("changeevent_change", event.pk)).text

    def test_it_is_searched_by_person_and_by_account(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        rotate_token(brand_a, "NewTokenOfBrandA99", Actor("wang.fang"))
        for term in ("wang", "rand-a", brand_a.tokens.latest("id").fingerprint):
            text = li_wei_at_work.get(page("changeevent_changelist"), {"q": term}).text
            assert "wang.fang" in text, term

    def test_it_is_searched_by_a_chinese_name_that_only_the_facts_have(
        self, li_wei_at_work: Client
    ) -> None:
        change_log.record(Action.USER_CREATED, Actor("li.wei"), user="王芳")
        change_log.record(Action.USER_CREATED, Actor("li.wei"), user="张敏")

        found = li_wei_at_work.get(page("changeevent_changelist"), {"q": "王芳"}).text

        assert "王芳" in found
        assert "张敏" not in found

    def test_the_list_does_not_read_what_events_hold_of_accounts(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        with CaptureQueriesContext(connection) as queries:
            li_wei_at_work.get(page("changeevent_changelist"))

        assert any("token_fingerprint" in query["sql"] for query in queries)
        assert not any("account_digests" in query["sql"] for query in queries)

    def test_fifty_events_of_one_role_take_no_more_queries_than_one(
        self, li_wei_at_work: Client
    ) -> None:
        def count_queries() -> int:
            with CaptureQueriesContext(connection) as queries:
                li_wei_at_work.get(page("changeevent_changelist"))
            return len(queries)

        def grant() -> None:
            change_log.record(
                ChangeEvent.Action.ROLE_GRANTED, Actor("li.wei"), user="wang.fang", role="view_seal"
            )

        grant()
        one = count_queries()
        for _ in range(49):
            grant()

        assert count_queries() <= one

    def test_the_command_line_is_named_in_the_language_of_the_page(
        self, li_wei_at_work: Client
    ) -> None:
        change_log.record(ChangeEvent.Action.PRUNED, Actor("command line (root)"))
        with translation.override("zh-hans"):
            named = f"{translation.gettext('command line')} (root)"
        listed = li_wei_at_work.get(
            page("changeevent_changelist"), headers={"Accept-Language": "zh-hans"}
        ).text

        assert f'<span title="{named}">{named}</span>' in listed

    def test_the_account_page_names_the_command_line_in_its_own_language(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        rotate_token(brand_a, "NewTokenOfBrandA99", Actor("command line (root)"))
        pause(brand_a, Actor("command line (root)"))
        url = page("officialaccount_change", brand_a.pk)
        text = li_wei_at_work.get(url, headers={"Accept-Language": "zh-hans"}).text

        with translation.override("zh-hans"):
            assert translation.gettext("command line") != "command line"
        assert "command line" not in text
        assert text.count("命令行 (root)") >= 2

    def test_a_long_value_is_cut_in_the_list_and_whole_on_its_page(
        self, li_wei_at_work: Client
    ) -> None:
        old, new = "旧" * 250, "新" * 250
        event = change_log.record(
            ChangeEvent.Action.USER_RENAMED, Actor("li.wei"), changes={"username": [old, new]}
        )

        listed = li_wei_at_work.get(page("changeevent_changelist")).text
        whole = li_wei_at_work.get(page("changeevent_change", event.pk)).text

        assert "旧" * 50 in listed
        assert "→ " + "新" * 50 in listed
        assert old not in listed
        assert f"{old} → {new}" in whole

    def test_the_list_has_a_line_for_each_change_and_leads_to_the_rest(
        self, li_wei_at_work: Client
    ) -> None:
        changes = {f"field_{number}": ["old", f"new-{number}"] for number in range(8)}
        event = change_log.record(Action.ACCOUNT_CHANGED, Actor("li.wei"), changes=changes)
        url = page("changeevent_change", event.pk)

        listed = li_wei_at_work.get(page("changeevent_changelist")).text
        whole = li_wei_at_work.get(url).text

        assert "field_0: old → new-0<br>field_1: old → new-1<br>" in listed
        assert f'field_5: old → new-5<br><a href="{url}">and 2 more changes</a>' in listed
        assert "field_6: old → new-6<br>field_7: old → new-7" in whole

    def test_whoever_has_an_exported_file_finds_out_who_exported_it(
        self, li_wei_at_work: Client
    ) -> None:
        change_log.record(Action.EXPORTED, Actor("wang.fang"), **EXPORT)
        change_log.record(Action.EXPORTED, Actor("zhang.wei"), **{**EXPORT, "sha256": "a7" * 32})

        text = li_wei_at_work.get(page("changeevent_changelist"), {"q": "9f" * 32}).text
        assert "wang.fang" in text
        assert "zhang.wei" not in text

    def test_a_search_that_finds_nothing_shows_nobody(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        rotate_token(brand_a, "NewTokenOfBrandA99", Actor("wang.fang"))
        text = li_wei_at_work.get(page("changeevent_changelist"), {"q": "nobody"}).text
        assert "wang.fang" not in text
