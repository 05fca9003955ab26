"""Tokens are hidden, except from users who may reveal them."""

from __future__ import annotations

import logging.config
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from verification.models import ChangeEvent, OfficialAccount
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import (
    Action,
    actions,
    add,
    page,
    staff,
    tool,
)
from verification.tests.support.checkout import LOCAL, read_settings

NEW = "NewTokenOfBrandA99"


class TestTheTokenStaysHidden:
    def test_a_form_that_is_refused_does_not_show_the_typed_token(
        self, li_wei_at_work: Client
    ) -> None:
        response = add(li_wei_at_work, name="", token="TypedByLiWei12345")

        assert "This field is required." in response.text
        assert "TypedByLiWei12345" not in response.text

    def test_no_browser_or_proxy_keeps_the_page_that_shows_it(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        for name in ("reveal", "rotate"):
            answer = tool(li_wei_at_work, name, brand_a)
            assert "no-store" in answer.headers["Cache-Control"]
            assert "private" in answer.headers["Cache-Control"]

    def test_no_line_of_the_log_holds_it_though_every_line_is_asked_for(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, capfd: pytest.CaptureFixture[str]
    ) -> None:
        logging.config.dictConfig(read_settings(**LOCAL, LOG_LEVEL="DEBUG")["LOGGING"])
        assert A in tool(li_wei_at_work, "reveal", brand_a).text

        assert A not in "".join(capfd.readouterr())

    def test_seeing_it_is_on_record(self, li_wei_at_work: Client, brand_a: OfficialAccount) -> None:
        assert A in tool(li_wei_at_work, "reveal", brand_a).text
        seen = ChangeEvent.objects.get(action=Action.TOKEN_REVEALED)

        assert (seen.actor, seen.account) == ("li.wei", brand_a)
        assert seen.token_fingerprint == brand_a.tokens.get().fingerprint

    def test_a_link_cannot_reveal_it(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        response = li_wei_at_work.get(reverse("admin:reveal_token", args=[brand_a.pk]))

        assert response["Location"] == page("officialaccount_change", brand_a.pk)
        assert Action.TOKEN_REVEALED not in actions()

    @pytest.mark.parametrize("name", ["reveal", "rotate"])
    def test_each_needs_its_own_permission(self, brand_a: OfficialAccount, name: str) -> None:
        other = {"reveal": "rotate_token", "rotate": "reveal_token"}[name]
        client = staff("view_officialaccount", "change_officialaccount", "view_token", other)
        before = actions()

        assert tool(client, name, brand_a).status_code == 403
        assert "/admin/login/" in tool(Client(), name, brand_a).redirect_chain[0][0]
        assert actions() == before
        account_page = client.get(page("officialaccount_change", brand_a.pk)).text
        assert reverse(f"admin:{name}_token", args=[brand_a.pk]) not in account_page

    def test_another_site_cannot_ask_for_it(self, li_wei: User, brand_a: OfficialAccount) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(li_wei)

        assert tool(client, "reveal", brand_a).status_code == 403

    def test_an_account_without_a_token_has_none_to_reveal(self, li_wei_at_work: Client) -> None:
        empty = make_account("empty")

        assert tool(li_wei_at_work, "reveal", empty).status_code == 404
        text = li_wei_at_work.get(page("officialaccount_change", empty.pk)).text
        assert "No token" in text
        assert "Create token…" in text
        assert "Rotate" not in text.partition('id="aes_key-card"')[0]

    def test_a_lost_encryption_key_is_said_in_a_sentence(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any
    ) -> None:
        settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4]
        url = reverse("admin:reveal_token", args=[brand_a.pk])
        text = li_wei_at_work.post(url, follow=True).text

        assert (
            "Put the key that encrypted it back behind the newest one in TOKEN_ENCRYPTION_KEYS"
            in text
        )
