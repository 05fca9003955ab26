"""The card that connects an account: what to fill in, and the live line."""

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

from verification.accounts.tokens import rotate_token
from verification.auth import sessions
from verification.models import OfficialAccount
from verification.protocol import console
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import (
    open_account,
    someone_who_may,
    wechat_pushes,
    wechat_verifies,
)

NEW = "NewTokenOfBrandA99"


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
            ("https://wx.example.cn:8443", "ports 80 and 443, but PUBLIC_URL names port 8443"),
            ("http://localhost:8000", "PUBLIC_URL is a local address"),
            ("http://127.0.0.1", "PUBLIC_URL is a local address"),
            ("http://192.168.1.20", "PUBLIC_URL is a local address"),
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

    @pytest.mark.parametrize("port", ["", ":80", ":443"])
    def test_an_address_that_wechat_reaches_is_no_problem(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any, port: str
    ) -> None:
        settings.PUBLIC_URL = f"https://wx.example.cn{port}"

        assert "PUBLIC_URL" not in open_account(li_wei_at_work, brand_a)

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
        rotate_token(brand_a, NEW, LI_WEI)

        assert live(li_wei_at_work, brand_a)["state"] == "waiting"
        assert 'id="connect" open>' in open_account(li_wei_at_work, brand_a)

    def test_a_call_with_the_previous_token_is_not_taken_for_the_end(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        rotate_token(brand_a, NEW, LI_WEI)
        wechat_verifies(brand_a, A)
        line = live(li_wei_at_work, brand_a)

        assert line["state"] == "waiting"
        assert line["text"].startswith("WeChat called on 20")
        assert line["text"].endswith(" (UTC+8), still with the previous token")
        assert "Paste the current token" in line["advice"]

    def test_calls_refused_since_do_not_undo_a_verification(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        verified = live(li_wei_at_work, brand_a)["text"]
        for _time in range(4):
            wechat_pushes(brand_a, "Nonsense")
        line = live(li_wei_at_work, brand_a)

        assert line["state"] == "verified"
        assert line["text"] == (
            f"{verified} · since the last call that passed, 4 were refused: unknown token"
        )
        assert line["why"]

    def test_the_reason_is_shown_only_with_permission_to_read_the_log(
        self, client: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, "Nonsense")
        client.force_login(someone_who_may("view_officialaccount"))
        assert live(client, brand_a)["why"] == ""

        client.force_login(someone_who_may("view_officialaccount", "view_verificationattempt"))
        assert "has never been stored here" in client.get(live(client, brand_a)["why"]).text

    def test_whoever_sees_the_card_may_ask_for_the_line(
        self, client: Client, brand_a: OfficialAccount
    ) -> None:
        client.force_login(someone_who_may("change_officialaccount"))

        assert "Waiting for WeChat…" in open_account(client, brand_a)
        assert live(client, brand_a)["state"] == "waiting"

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
        session[sessions.STARTED_KEY] = (timezone.now() - timedelta(hours=9)).timestamp()
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
