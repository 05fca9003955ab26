"""The account page and what it leads to: connecting, rotating, pausing, another language."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from verification import console, sessions
from verification.models import ChangeEvent, OfficialAccount
from verification.models.token import rotate_token
from verification.tests.contract import A, B
from verification.tests.people import (
    last_event,
    open_account,
    press,
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


def live(client: Client, account: OfficialAccount) -> Any:
    return client.get(reverse("admin:live_account", args=[account.pk])).json()


class TestConnecting:
    def test_the_card_says_where_what_and_what_it_costs(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any
    ) -> None:
        settings.PUBLIC_URL = "https://wx.example.cn"
        text = open_account(li_wei_at_work, brand_a)

        for words in (console.MENU_PATH, *console.OTHER_MENU_PATHS, "Enabling (启用) switches off"):
            assert words in text
        assert "https://wx.example.cn/wechat/brand-a<" in text
        assert brand_a.tokens.get().fingerprint in text
        assert "PUBLIC_URL" not in text

    @pytest.mark.parametrize(
        ("public_url", "sentence"),
        [
            ("", "PUBLIC_URL is not set"),
            ("https://gateway-1.herokuapp.com", "herokuapp.com is reported to be blocked"),
        ],
    )
    def test_an_address_that_wechat_may_not_reach_is_said(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any, public_url: str,
        sentence: str,
    ) -> None:  # fmt: skip
        settings.PUBLIC_URL = public_url
        text = open_account(li_wei_at_work, brand_a)

        assert sentence in text
        assert f"{public_url or 'http://testserver'}/wechat/brand-a<" in text

    def test_the_live_line_goes_from_waiting_to_refused_to_verified(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        assert live(li_wei_at_work, brand_a)["text"] == "Waiting for WeChat…"
        wechat_verifies(brand_a, B)
        refused = live(li_wei_at_work, brand_a)
        assert refused["state"] == "refused"
        assert "token of “Brand-B”" in refused["text"]
        assert "Put Brand-A's own token" in refused["advice"]

        wechat_verifies(brand_a, A)
        assert live(li_wei_at_work, brand_a)["state"] == "verified"
        assert '<details class="module card" id="connect">' in open_account(li_wei_at_work, brand_a)

    def test_a_rotation_opens_the_card_again(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        rotate_token(brand_a, NEW, actor="li.wei")

        assert live(li_wei_at_work, brand_a)["state"] == "waiting"
        assert 'id="connect" open>' in open_account(li_wei_at_work, brand_a)

    def test_asking_again_and_again_keeps_no_session_alive(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        soon = timezone.now() + timedelta(minutes=1)
        Session.objects.update(expire_date=soon)
        response = li_wei_at_work.get(reverse("admin:live_account", args=[brand_a.pk]))

        assert response.status_code == 200
        assert not response.cookies
        assert Session.objects.get().expire_date == soon
        open_account(li_wei_at_work, brand_a)
        assert Session.objects.get().expire_date > soon

    def test_a_poll_that_is_refused_keeps_no_session_alive_either(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        session = li_wei_at_work.session
        session[sessions.STARTED] = (timezone.now() - timedelta(hours=9)).timestamp()
        session.save()
        soon = timezone.now() + timedelta(minutes=1)
        Session.objects.update(expire_date=soon)

        assert (
            li_wei_at_work.get(reverse("admin:live_account", args=[brand_a.pk])).status_code == 302
        )
        assert Session.objects.get().expire_date == soon

    def test_every_link_of_the_card_loads_the_page_once_more(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        text = open_account(li_wei_at_work, brand_a, console="token")
        card = text.partition('id="connect"')[2].partition("</details>\n<section")[0]

        assert 'href="?console=token"' in card
        assert "#" not in "".join(re.findall('href="([^"]*)"', card))

    def test_strangers_are_told_nothing(self, client: Client, brand_a: OfficialAccount) -> None:
        url = reverse("admin:live_account", args=[brand_a.pk])
        assert client.get(url).status_code == 302
        client.force_login(User.objects.create_user("wang.fang", is_staff=True))

        assert client.get(url).status_code == 403


def test_a_form_that_is_refused_does_not_show_the_typed_token(li_wei_at_work: Client) -> None:
    form = {"name": "", "slug": "brand-x", "token_source": "enter", "token": "TypedByLiWei12345"}
    response = li_wei_at_work.post(reverse("admin:verification_officialaccount_add"), form)

    assert "This field is required." in response.content.decode()
    assert "TypedByLiWei12345" not in response.content.decode()


class TestWhatTheConsoleSaid:
    @pytest.mark.parametrize(
        ("said", "nothing", "refused", "accepted"),
        [
            ("success", "holds another server URL", "or the success is an older", "press Enable"),
            ("token", "another host answered", "token of “Brand-B”", "changed or replaced it"),
            ("timeout", "port 80 or 443", "token of “Brand-B”", "reached WeChat too late"),
            ("error", "names no cause", "names no cause", "names no cause"),
        ],
    )
    def test_it_is_crossed_with_the_last_ten_minutes(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount,
        said: str, nothing: str, refused: str, accepted: str,
    ) -> None:  # fmt: skip
        assert nothing in self.advice(li_wei_at_work, brand_a, said)
        wechat_verifies(brand_a, B)
        assert refused in self.advice(li_wei_at_work, brand_a, said)
        wechat_verifies(brand_a, A)
        assert accepted in self.advice(li_wei_at_work, brand_a, said)

    def advice(self, client: Client, account: OfficialAccount, said: str) -> str:
        text = open_account(client, account, console=said)
        return text.partition('class="advice"')[2].partition("</p>")[0]


class TestLastVerifications:
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

        page = li_wei_at_work.get(reverse("admin:rotate_token", args=[outlet.pk]))
        assert "The old token stays valid" not in page.text

        answer = press(li_wei_at_work, "rotate_token", outlet.pk, **form)
        assert NEW in answer.text
        assert "The old token stays valid" not in answer.text
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

    def test_one_that_has_no_end_yet_cannot_be_kept_longer(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        rotate_token(brand_a, NEW, actor="li.wei")
        old = brand_a.tokens.exclude(superseded_at=None).get()
        page = li_wei_at_work.post(
            reverse("admin:keep_token", args=[brand_a.pk, old.pk]), follow=True
        )

        assert "This is not a previous token that is about to end." in page.text
        assert last_event().action == Action.TOKEN_ROTATED

    @pytest.mark.parametrize("name", ["keep_token", "retire_token"])
    def test_another_accounts_tokens_are_not_to_be_found_here(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount, name: str
    ) -> None:
        rotate_token(brand_b, NEW, actor="li.wei", keep_old=timedelta(hours=1))
        old = brand_b.tokens.exclude(superseded_at=None).get()

        assert press(li_wei_at_work, name, brand_a.pk, old.pk).status_code == 404
        assert wechat_verifies(brand_b, B) == 200
        assert last_event().action == Action.TOKEN_ROTATED

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

    def test_it_is_warned_about_after_a_rotation_of_the_encryption_keys_too(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount,
        settings: Any,
    ) -> None:  # fmt: skip
        settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4, *settings.TOKEN_ENCRYPTION_KEYS]
        call_command("rotate_encryption_keys")
        form = {"token_source": "enter", "token": B, "replaces": brand_a.tokens.get().pk}

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

    def test_a_number_that_is_too_long_is_nobodys(self, li_wei_at_work: Client) -> None:
        OfficialAccount.objects.create(id=123456789, slug="brand-a", name="Brand A")
        url = reverse("admin:pause_accounts")

        assert "Brand A" not in li_wei_at_work.get(url + "?account=1234567890").text
        assert "Brand A" in li_wei_at_work.get(url + "?account=123456789").text

    def test_of_two_who_pause_it_at_once_one_did(self, brand_a: OfficialAccount) -> None:
        seen_by_both = OfficialAccount.objects.get()
        brand_a.pause(actor="li.wei")
        seen_by_both.pause(actor="wang.fang")

        paused = ChangeEvent.objects.get(action=Action.ACCOUNT_PAUSED)
        assert (paused.actor, seen_by_both.is_paused) == ("li.wei", True)

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
