"""Adding people, and the list of them."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from verification.fields import Secret
from verification.models import OfficialAccount, TotpDevice
from verification.tests.support.admin_client import PASSWORD, UNCHANGED, Action, actions, page

ADD, LIST = "/admin/auth/user/add/", "/admin/auth/user/"
AUDITORS = "Auditors"


def add_user(client: Client, *groups: str, **fields: str) -> Any:
    chosen = Group.objects.filter(name__in=groups).values_list("pk", flat=True)
    form = {"username": "zhao.min", "password1": PASSWORD, "password2": PASSWORD}
    return client.post(ADD, {**form, "groups": [*chosen], **fields}, follow=True)


def messages_of(answer: Any) -> list[str]:
    found = re.findall(r'<ul class="messagelist">(.*?)</ul>', answer.text, re.DOTALL)
    return [html.unescape(text) for text in re.findall(r"<li[^>]*>(.*?)</li>", "".join(found))]


class TestAdding:
    def test_one_page_lets_an_auditor_in(self, li_wei_at_work: Client) -> None:
        asked = li_wei_at_work.get(ADD).text
        answer = add_user(li_wei_at_work, AUDITORS, full_name="赵敏", is_staff="on")
        zhao_min = User.objects.get(username="zhao.min")

        assert re.search(r'<input type="checkbox" name="is_staff"[^>]* checked>', asked)
        assert "Read and export the log and the change log" in asked
        assert answer.redirect_chain == [(LIST, 302)]
        assert messages_of(answer) == ["Added zhao.min."]
        assert (zhao_min.is_staff, zhao_min.get_full_name()) == (True, "赵敏")
        assert [*zhao_min.groups.values_list("name", flat=True)] == [AUDITORS]
        created = [Action.USER_CREATED, *[Action.ROLE_GRANTED] * 3]  # active, staff, the group
        assert actions()[-4:] == created
        assert zhao_min.check_password(PASSWORD)

    def test_someone_without_a_group_is_pointed_out(self, li_wei_at_work: Client) -> None:
        [added, warning] = messages_of(add_user(li_wei_at_work, is_staff="on"))

        assert "user zhao.min is in no group" in warning
        assert added == "Added zhao.min."

    def test_someone_with_a_group_who_is_not_staff_is_pointed_out(
        self, li_wei_at_work: Client
    ) -> None:
        [_added, warning] = messages_of(add_user(li_wei_at_work, AUDITORS))

        assert warning == "The user zhao.min cannot sign in: tick Staff status."

    def test_there_is_no_second_page_and_no_window_for_groups(self, li_wei_at_work: Client) -> None:
        asked = li_wei_at_work.get(ADD).text

        assert "Password-based authentication" not in asked
        assert "you’ll be able to edit more" not in asked
        assert "_popup" not in asked


class TestChanging:
    def test_a_name_in_two_parts_stays_until_it_is_changed(self, li_wei_at_work: Client) -> None:
        zhao_min = User.objects.create_user("zhao.min", first_name="Min", last_name="Zhao")
        url = reverse("admin:auth_user_change", args=[zhao_min.pk])
        form = {"username": "zhao.min", "date_joined_0": "2026-11-23", "date_joined_1": "10:00:00"}
        assert 'name="full_name" value="Min Zhao"' in li_wei_at_work.get(url).text
        li_wei_at_work.post(url, {**form, "full_name": "Min Zhao"})
        zhao_min.refresh_from_db()
        assert (zhao_min.first_name, zhao_min.last_name) == ("Min", "Zhao")

        answer = li_wei_at_work.post(url, {**form, "full_name": "赵敏", "_continue": "1"})
        zhao_min.refresh_from_db()
        assert (zhao_min.first_name, zhao_min.last_name) == ("赵敏", "")
        assert answer["Location"] == url

    def test_its_times_name_the_zone(self, li_wei_at_work: Client) -> None:
        zhao_min = User.objects.create_user("zhao.min", last_login=timezone.now())
        text = li_wei_at_work.get(reverse("admin:auth_user_change", args=[zhao_min.pk])).text

        assert text.count("(UTC+8)</div>") == 2

    @pytest.mark.parametrize("url", [ADD, "/admin/auth/user/{user.pk}/password/"])
    def test_a_password_for_somebody_else_is_not_called_yours(
        self, li_wei_at_work: Client, url: str
    ) -> None:
        text = li_wei_at_work.get(url.format(user=User.objects.get())).text

        assert "Use at least 12 characters" in text
        assert "Your password" not in text


class TestTheList:
    def test_it_shows_who_can_sign_in_and_who_did(self, li_wei_at_work: Client) -> None:
        seen = User.objects.create_user("zhao.min", first_name="赵敏", last_login=timezone.now())
        TotpDevice.objects.create(user=seen, seed=Secret.of("A" * 32), confirmed=True)
        seen.groups.add(Group.objects.get(name=AUDITORS))
        User.objects.create_user("wang.fang")
        rows = re.findall(r"<tr>(.*?)</tr>", li_wei_at_work.get(LIST).text, re.DOTALL)
        [shown] = [row for row in rows if "zhao.min" in row]
        [other] = [row for row in rows if "wang.fang" in row]

        for text in ("赵敏", AUDITORS, "(UTC+8)"):
            assert text in shown
        factor = r'Second factor: </span><img src="[^"]*icon-'
        assert re.search(rf'{factor}yes[.\w]*\.svg" alt="Yes"', shown)
        assert re.search(rf'{factor}no[.\w]*\.svg" alt="No"', other)

    def test_its_icons_have_words_of_the_pages_language(self, li_wei_at_work: Client) -> None:
        text = li_wei_at_work.get(LIST, headers={"Accept-Language": "zh-hans"}).text

        assert re.search(r'icon-yes[.\w]*\.svg" alt="是"', text)
        assert 'alt="True"' not in text

    def test_it_takes_as_many_queries_for_many_as_for_one(self, li_wei_at_work: Client) -> None:
        with CaptureQueriesContext(
            connection,
        ) as few:
            li_wei_at_work.get(LIST)
        for number in range(20):
            user = User.objects.create_user(f"user{number}", first_name=f"User {number}")
            user.groups.add(Group.objects.get(name=AUDITORS))
        with CaptureQueriesContext(connection) as many:
            li_wei_at_work.get(LIST)

        assert len(many) <= len(few) + 1  # the groups


class TestInsteadOfDjangosHistory:
    def test_the_history_of_a_user_is_the_change_log(self, li_wei_at_work: Client) -> None:
        add_user(li_wei_at_work, AUDITORS, is_staff="on")
        zhao_min = User.objects.get(username="zhao.min")
        text = li_wei_at_work.get(reverse("admin:auth_user_change", args=[zhao_min.pk])).text
        history = reverse("admin:auth_user_history", args=[zhao_min.pk])
        shown = li_wei_at_work.get(history, follow=True)

        assert f'<a href="{history}">Change log</a>' in text
        assert shown.redirect_chain[0][0] == f"{page('changeevent_changelist')}?q=zhao.min"
        assert "User created" in shown.text

    def test_that_of_an_account_is_its_part_of_the_change_log(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        history = page("officialaccount_history", brand_a.pk)
        shown = page("changeevent_changelist") + f"?account__id__exact={brand_a.pk}"
        change = page("officialaccount_change", brand_a.pk)

        assert li_wei_at_work.get(history).headers["Location"] == shown
        assert history not in li_wei_at_work.get(change).text

    def test_only_one_of_the_two_is_written(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        add_user(li_wei_at_work)
        url = page("officialaccount_change", brand_a.pk)
        form = {**UNCHANGED, "slug": brand_a.slug, "name": "Brand A plus"}
        answer = li_wei_at_work.post(url, form, follow=True)

        assert messages_of(answer) == ["Saved Brand A plus."]
        assert actions()[-1] == Action.ACCOUNT_CHANGED
        assert not LogEntry.objects.exists()


@pytest.mark.parametrize("model", ["auth_user", "auth_group", "verification_officialaccount"])
def test_a_number_that_does_not_exist_is_said_without_a_guess(
    li_wei_at_work: Client, model: str
) -> None:
    answer = li_wei_at_work.get(reverse(f"admin:{model}_change", args=[48213]), follow=True)

    assert answer.redirect_chain == [(reverse(f"admin:{model}_changelist"), 302)]
    [message] = messages_of(answer)
    assert re.fullmatch(r"There is no [\w ]+ with the number 48213\.", message)


def test_signing_out_says_so_and_no_more(li_wei_at_work: Client) -> None:
    text = li_wei_at_work.post("/admin/logout/").text

    assert "<h1>Logged out</h1>" in text
    assert "quality time" not in text
    assert '<a href="/admin/">Sign in again</a>' in text


@pytest.mark.parametrize(("model", "title"), [("user", "Users"), ("group", "Groups")])
def test_pages_have_names_and_no_instructions(
    li_wei_at_work: Client, li_wei: User, model: str, title: str
) -> None:
    row = li_wei if model == "user" else Group.objects.get(name=AUDITORS)
    listed = li_wei_at_work.get(reverse(f"admin:auth_{model}_changelist")).text
    changed = li_wei_at_work.get(reverse(f"admin:auth_{model}_change", args=[row.pk])).text

    assert f"<h1>{title}</h1>" in listed
    assert f"<h1>{row}</h1>" in changed


def test_deleting_a_group_names_the_group_alone(li_wei_at_work: Client) -> None:
    auditors = Group.objects.get(name=AUDITORS)
    url = reverse("admin:auth_group_delete", args=[auditors.pk])
    asked = li_wei_at_work.get(url, headers={"Accept-Language": "zh-CN"}).text

    assert "审计员" in asked
    assert "object (" not in asked


def test_a_password_is_set_and_not_switched_off(li_wei_at_work: Client, li_wei: User) -> None:
    url = reverse("admin:auth_user_password_change", args=[li_wei.pk])
    asked = li_wei_at_work.get(url).text
    new = {"password1": "NewCanary2026!", "password2": "NewCanary2026!"}

    assert 'name="password1"' in asked
    assert 'name="usable_password"' not in asked
    assert li_wei_at_work.post(url, new).status_code == 302
    li_wei.refresh_from_db()
    assert li_wei.check_password("NewCanary2026!")
