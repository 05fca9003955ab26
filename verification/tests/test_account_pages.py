"""The account page and what it leads to: connecting, rotating, pausing, another language."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from verification import console, sessions
from verification.models import ChangeEvent, OfficialAccount
from verification.models.token import rotate_token
from verification.tests.contract import A, B
from verification.tests.people import (
    open_account,
    we_test,
    wechat_verifies,
)

NEW = "NewTokenOfBrandA99"
Action = ChangeEvent.Action


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
