"""The account page and what it leads to: connecting, rotating, pausing, another language."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from verification import console
from verification.models import ChangeEvent, OfficialAccount
from verification.models.token import rotate_token
from verification.tests.contract import A, B
from verification.tests.people import (
    last_event,
    open_account,
    press,
    someone_who_may,
    we_test,
    wechat_pushes,
    wechat_verifies,
)

NEW = "NewTokenOfBrandA99"
Action = ChangeEvent.Action


@pytest.fixture
def li_wei_at_work(li_wei: User, client: Client) -> Client:
    client.force_login(li_wei)
    return client


def test_a_form_that_is_refused_does_not_show_the_typed_token(li_wei_at_work: Client) -> None:
    form = {"name": "", "slug": "brand-x", "token_source": "enter", "token": "TypedByLiWei12345"}
    response = li_wei_at_work.post(reverse("admin:verification_officialaccount_add"), form)

    assert "This field is required." in response.content.decode()
    assert "TypedByLiWei12345" not in response.content.decode()


class TestLastVerifications:
    def test_the_zone_of_their_times_is_said_once(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        text = open_account(li_wei_at_work, brand_a)

        assert text.count("Times in Asia/Shanghai (UTC+8)") == 1

    def test_each_reader_sees_the_records_that_are_his(
        self, client: Client, brand_a: OfficialAccount
    ) -> None:
        records = {
            "view_verificationattempt": 'record-1">Last verif',
            "view_changeevent": 'record-1">Change log',
        }
        for name, mark in records.items():
            client.force_login(someone_who_may("view_officialaccount", name))
            text = open_account(client, brand_a)
            assert [other for other in records.values() if other in text] == [mark]
        client.force_login(someone_who_may("view_officialaccount"))
        assert 'id="record-' not in open_account(client, brand_a)

    def test_browsers_and_bots_are_not_among_them(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        li_wei_at_work.get(brand_a.server_path)
        li_wei_at_work.head(brand_a.server_path)
        assert "✕" not in open_account(li_wei_at_work, brand_a)

        wechat_verifies(brand_a, B)
        assert open_account(li_wei_at_work, brand_a).count("✕") == 1


class TestSlug:
    def test_our_own_test_does_not_fix_it(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        we_test(brand_a, A)
        assert 'name="slug"' in open_account(li_wei_at_work, brand_a)

        wechat_verifies(brand_a, A)
        assert 'name="slug"' not in open_account(li_wei_at_work, brand_a)


class TestTokens:
    def test_a_second_tab_cannot_undo_a_rotation(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        form = {"replaces": brand_a.tokens.get().pk, "token_source": "enter", "keep_old": ""}
        assert NEW in press(li_wei_at_work, "rotate_token", brand_a.pk, token=NEW, **form).text
        second = press(
            li_wei_at_work, "rotate_token", brand_a.pk, token="SecondTab99999999", **form
        )

        assert "Nothing was changed: li.wei has rotated this token" in second.text
        assert brand_a.tokens.count() == 2

    def test_a_form_that_does_not_say_what_it_replaces_rotates_nothing(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        form = {"token_source": "generate", "keep_old": ""}
        press(li_wei_at_work, "rotate_token", brand_a.pk, **form)

        assert brand_a.tokens.count() == 1

    def test_an_account_without_a_token_is_given_its_first(self, li_wei_at_work: Client) -> None:
        outlet = OfficialAccount.objects.create(name="Outlet", slug="outlet")
        form = {"token_source": "enter", "token": NEW, "keep_old": "", "replaces": 0}

        assert NEW in press(li_wei_at_work, "rotate_token", outlet.pk, **form).text
        assert wechat_verifies(outlet, NEW) == 200

    def test_an_old_token_is_kept_longer(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        rotate_token(brand_a, NEW, actor="li.wei", keep_old=timedelta(hours=1))
        old = brand_a.tokens.exclude(superseded_at=None).get()
        before = old.expires_at
        press(li_wei_at_work, "keep_token", brand_a.pk, old.pk)
        old.refresh_from_db()

        assert before is not None
        assert old.expires_at == before + timedelta(hours=24)
        assert (last_event().action, last_event().actor) == (Action.TOKEN_KEPT, "li.wei")

    def test_retiring_an_old_token_is_asked_once_more(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        rotate_token(brand_a, NEW, actor="li.wei")
        old = brand_a.tokens.exclude(superseded_at=None).get()
        asked = li_wei_at_work.get(reverse("admin:retire_token", args=[brand_a.pk, old.pk]))
        assert "WeChat has not used the new token yet." in asked.text
        assert wechat_verifies(brand_a, A) == 200

        press(li_wei_at_work, "retire_token", brand_a.pk, old.pk)
        assert wechat_verifies(brand_a, A) == 403
        assert last_event().action == Action.TOKEN_RETIRED
        assert "Retired token" in open_account(li_wei_at_work, brand_a)

    @pytest.mark.parametrize("name", ["keep_token", "retire_token"])
    def test_the_current_token_has_no_end(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, name: str
    ) -> None:
        press(li_wei_at_work, name, brand_a.pk, brand_a.tokens.get().pk)

        assert last_event().action == Action.TOKEN_CREATED
        assert wechat_verifies(brand_a, A) == 200

    def test_a_token_that_another_account_has_is_warned_about(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        form = {
            "token_source": "enter",
            "token": B,
            "keep_old": "",
            "replaces": brand_a.tokens.get().pk,
        }
        text = press(li_wei_at_work, "rotate_token", brand_a.pk, **form).text

        assert "“Brand-B” has the same token." in text

    def test_entering_one_needs_one(self, li_wei_at_work: Client, brand_a: OfficialAccount) -> None:
        form = {"token_source": "enter", "replaces": brand_a.tokens.get().pk}
        text = press(li_wei_at_work, "rotate_token", brand_a.pk, **form).text

        assert "Enter the token, or let one be generated." in text
        assert brand_a.tokens.count() == 1

    def test_save_and_add_another_shows_the_token_and_leads_on(
        self, li_wei_at_work: Client
    ) -> None:
        form = {"name": "Outlet", "slug": "outlet", "token_source": "generate", "_addanother": "1"}
        text = press(li_wei_at_work, "verification_officialaccount_add", **form).text

        assert 'id="token" class="value secret"' in text
        assert "Add another official account" in text


class TestPausing:
    def test_it_is_said_what_followers_will_notice(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        url = f"{reverse('admin:pause_accounts')}?account={brand_a.pk}"
        assert "followers will notice nothing" in li_wei_at_work.get(url).text
        wechat_pushes(brand_a, A)

        text = li_wei_at_work.get(url).text
        assert "Followers of Brand-A will notice" in text
        assert console.FOLLOWERS_READ in text
        assert wechat_pushes(brand_a, A) == 200
        li_wei_at_work.post(url)
        assert wechat_pushes(brand_a, A) == 403

    @pytest.mark.parametrize("query", ["", "?account=x", "?account=99999999999999", "?account=²"])
    def test_nothing_chosen_is_nothing_changed(self, li_wei_at_work: Client, query: str) -> None:
        url = reverse("admin:pause_accounts") + query

        assert "There is nothing to change." in li_wei_at_work.get(url).text


class TestLanguages:
    def test_people_choose_in_the_page_and_it_stays_so(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        assert "简体中文" in open_account(li_wei_at_work, brand_a)
        form = {"language": "zh-hans", "next": "/admin/"}
        answer = li_wei_at_work.post(reverse("set_language"), form)

        assert (answer.status_code, answer["Location"]) == (302, "/admin/")
        assert "接入微信" in open_account(li_wei_at_work, brand_a)

    @pytest.mark.parametrize("path", ["/", "/admin/login/"])
    def test_strangers_choose_too(self, client: Client, db: None, path: str) -> None:
        assert "简体中文" in client.get(path).text
        client.post(reverse("set_language"), {"language": "zh-hans", "next": path})

        assert 'lang="zh-hans"' in client.get(path).text
