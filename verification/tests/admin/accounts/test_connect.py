"""The state at the top of the account page, the card that connects it, and the live line."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from verification.accounts.pausing import pause
from verification.accounts.tokens import rotate_token
from verification.auth import sessions
from verification.change_log import Actor
from verification.models import OfficialAccount
from verification.protocol.console import OFFICIAL_ACCOUNT
from verification.protocol.enums import DeliveryResult
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import (
    is_card_open,
    open_account,
    someone_who_may,
    state_of,
    wechat_pushes,
    wechat_verifies,
)
from verification.tests.support.deliveries import give_failing_backend

NEW = "NewTokenOfBrandA99"
#: Of one poll of the live line: session, user, permissions, the account and its state.
MAX_QUERIES = 25


def live(client: Client, account: OfficialAccount) -> Any:
    return client.get(reverse("admin:live_account", args=[account.pk])).json()


class TestConnecting:
    def test_the_card_says_where_what_and_what_it_costs(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any
    ) -> None:
        settings.PUBLIC_URL = "https://wx.example.cn"
        text = open_account(li_wei_at_work, brand_a)

        for words in (
            OFFICIAL_ACCOUNT.menu_path,
            *OFFICIAL_ACCOUNT.other_menu_paths,
            "Enabling (启用) switches off",
        ):
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

    def test_a_connected_account_has_its_address_and_last_calls_in_sight(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        assert 'class="account-facts"' not in open_account(li_wei_at_work, brand_a)
        wechat_verifies(brand_a, A)
        wechat_pushes(brand_a, A)
        text = open_account(li_wei_at_work, brand_a)
        facts = text.partition('class="account-facts"')[2].partition("</dl>")[0]

        assert not is_card_open(text)
        assert "/wechat/brand-a</code>" in facts
        assert 'data-copy="account-url"' in facts
        for name in ("message", "verification"):
            assert re.search(rf"<dt>Last {name}</dt><dd>20\d\d-.* \(UTC\+8\)</dd>", facts)


class TestTheState:
    def test_it_goes_from_waiting_to_failing_to_verified(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        waiting = open_account(li_wei_at_work, brand_a)
        assert state_of(waiting) == ("idle", "Waiting", "WeChat has not called yet")
        assert is_card_open(waiting)
        wechat_verifies(brand_a, B)
        failing = open_account(li_wei_at_work, brand_a)
        assert state_of(failing) == ("bad", "Failing", "Refused: token of “Brand-B”")
        assert "Put the token of “Brand-A”" in failing
        assert is_card_open(failing)

        wechat_verifies(brand_a, A)
        verified = open_account(li_wei_at_work, brand_a)
        assert state_of(verified)[:2] == ("good", "Verified")
        assert not is_card_open(verified)
        assert "not called yet" not in verified

    def test_an_account_that_was_verified_and_fails_is_not_called_verified(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        wechat_pushes(brand_a, A)
        wechat_pushes(brand_a, B)
        text = open_account(li_wei_at_work, brand_a)

        assert state_of(text) == ("bad", "Failing", "Refused: token of “Brand-B”")
        assert is_card_open(text)
        assert "Verified on" not in text

    def test_a_fresh_rotation_is_amber_and_opens_the_card_again(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        rotate_token(brand_a, NEW, LI_WEI)
        wechat_verifies(brand_a, A)
        text = open_account(li_wei_at_work, brand_a)

        assert state_of(text)[:2] == ("warn", "Warning")
        assert "Paste the current token" in text
        assert is_card_open(text)

    def test_a_failing_backend_leaves_the_steps_done(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        give_failing_backend(brand_a, DeliveryResult.SERVER_ERROR, 502)
        text = open_account(li_wei_at_work, brand_a)

        assert state_of(text)[0] == "bad"
        assert not is_card_open(text)
        assert '<span class="progress is-good">Verified on' in text

    def test_paused_is_said_at_the_top_with_who_and_when_and_a_way_back(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        pause(brand_a, Actor("wang.fang"))
        text = open_account(li_wei_at_work, brand_a)
        tone, label, reason = state_of(text)

        assert (tone, label) == ("idle", "Paused")
        assert reason.startswith("Paused by wang.fang on 20")
        head = text.partition('id="status"')[2].partition("</section>")[0]
        assert f'{reverse("admin:resume_accounts")}?account={brand_a.pk}"' in head
        viewer = Client()
        viewer.force_login(someone_who_may("view_officialaccount"))
        assert reverse("admin:resume_accounts") not in open_account(viewer, brand_a)

    def test_the_attempt_is_linked_for_readers_of_the_log_alone(
        self, client: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, "Nonsense")
        client.force_login(someone_who_may("view_officialaccount"))
        assert "View attempt" not in open_account(client, brand_a)

        client.force_login(someone_who_may("view_officialaccount", "view_verificationattempt"))
        text = open_account(client, brand_a)
        link = re.search('href="([^"]*)">View attempt', text)
        assert link is not None
        assert "matches no token that is stored here" in client.get(link[1]).text


class TestTheLiveLine:
    def test_what_it_shows_changes_with_the_state_alone(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        shown = [live(li_wei_at_work, brand_a)["shown"]]
        for token in (B, A, A, B):
            wechat_pushes(brand_a, token)
            shown.append(live(li_wei_at_work, brand_a)["shown"])

        assert len({*shown[:3]}) == 3
        assert shown[2] == shown[3]
        assert shown[4] not in shown[:4]
        assert f'data-shown="{shown[4]}"' in open_account(li_wei_at_work, brand_a)

    def test_a_poll_asks_few_queries_whatever_happened(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        rotate_token(brand_a, NEW, LI_WEI)
        give_failing_backend(brand_a, DeliveryResult.SERVER_ERROR, 502)
        wechat_verifies(brand_a, B)
        with CaptureQueriesContext(connection) as queries:
            live(li_wei_at_work, brand_a)

        assert len(queries) <= MAX_QUERIES

    def test_the_cards_are_those_of_the_page(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, "Nonsense")
        cards = li_wei_at_work.get(reverse("admin:account_cards", args=[brand_a.pk])).text
        page = open_account(li_wei_at_work, brand_a)
        ids = re.findall('id="([^"]*)" data-card', cards)

        assert ids == re.findall('id="([^"]*)" data-card', page)
        assert {"account-tools", "status", "connect", "records", "token-card"} <= {*ids}
        assert state_of(cards) == state_of(page)

    def test_whoever_sees_the_card_may_ask_for_it(
        self, client: Client, brand_a: OfficialAccount
    ) -> None:
        client.force_login(someone_who_may("change_officialaccount"))

        assert "WeChat has not called yet" in open_account(client, brand_a)
        assert live(client, brand_a)["shown"]

    def test_asking_again_and_again_keeps_no_session_alive(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        soon = timezone.now() + timedelta(minutes=1)
        Session.objects.update(expire_date=soon)
        for name in ("live_account", "account_cards"):
            response = li_wei_at_work.get(reverse(f"admin:{name}", args=[brand_a.pk]))
            assert response.status_code == 200
            assert "sessionid" not in response.cookies
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
        urls = [
            reverse(f"admin:{name}", args=[brand_a.pk])
            for name in ("live_account", "account_cards")
        ]
        assert [client.get(url).status_code for url in urls] == [302, 302]
        client.force_login(User.objects.create_user("wang.fang", is_staff=True))

        assert [client.get(url).status_code for url in urls] == [403, 403]
