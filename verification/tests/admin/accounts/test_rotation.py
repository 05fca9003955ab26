"""Rotating a token, and ending the old one at the chosen time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from verification.accounts.tokens import rotate_token
from verification.change_log import Actor
from verification.models import OfficialAccount
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import (
    Action,
    actions,
    call,
    current_secret,
    errors,
    last_event,
    open_account,
    page,
    press,
    tool,
    wechat_verifies,
)

NEW = "NewTokenOfBrandA99"


class TestRotating:
    @pytest.mark.parametrize(
        ("keep_old", "hours"), [("", None), ("0", 0), ("1", 1), ("24", 24), ("168", 168)]
    )
    def test_the_old_token_stays_as_long_as_was_chosen(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, keep_old: str, hours: int | None
    ) -> None:
        answer = tool(li_wei_at_work, "rotate", brand_a, token=NEW, keep_old=keep_old)
        old = brand_a.tokens.exclude(superseded_at=None).get()

        assert NEW in answer.text
        if hours is None:
            assert old.expires_at is None
        else:
            assert old.superseded_at is not None
            assert old.expires_at == old.superseded_at + timedelta(hours=hours)
        assert call("/wechat/brand-a", A) == (403 if hours == 0 else 200)
        assert call("/wechat/brand-a", NEW) == 200
        assert actions()[-1] == Action.TOKEN_ROTATED

    def test_two_tokens_are_live_and_the_page_tells_them_apart(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        tool(li_wei_at_work, "rotate", brand_a)
        text = li_wei_at_work.get(page("officialaccount_change", brand_a.pk)).text

        assert text.count(">Current token<") == text.count(">Previous token<") == 1
        assert "24 hours after WeChat first uses the new token" in text
        call("/wechat/brand-a", current_secret(brand_a))
        text = li_wei_at_work.get(page("officialaccount_change", brand_a.pk)).text
        assert "24 hours after WeChat first uses the new token" not in text

    @pytest.mark.parametrize(
        ("token", "sentence"),
        [
            (A, "This is the current token already."),
            ("no-hyphens-please", "A token has 3 to 32 letters and digits, nothing else."),
        ],
    )
    def test_a_token_that_cannot_be_is_refused_and_nothing_rotates(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, token: str, sentence: str
    ) -> None:
        assert sentence in errors(tool(li_wei_at_work, "rotate", brand_a, token=token))
        assert brand_a.tokens.count() == 1

    def test_an_overlap_that_is_not_offered_is_refused(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        assert errors(tool(li_wei_at_work, "rotate", brand_a, keep_old="9999"))
        assert brand_a.tokens.count() == 1

    def test_a_second_tab_cannot_undo_a_rotation(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        form = {"replaces": brand_a.tokens.get().pk, "token_source": "enter", "keep_old": ""}
        assert NEW in press(li_wei_at_work, "rotate_token", brand_a.pk, token=NEW, **form).text
        second = press(
            li_wei_at_work, "rotate_token", brand_a.pk, token="SecondTab99999999", **form
        )

        assert "Nothing was changed: you have already rotated this token" in second.text
        assert brand_a.tokens.count() == 2

    def test_a_colleague_who_was_faster_is_named(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        form = {"replaces": brand_a.tokens.get().pk, "token_source": "generate", "keep_old": ""}
        rotate_token(brand_a, NEW, Actor("wang.fang"))
        text = press(li_wei_at_work, "rotate_token", brand_a.pk, **form).text

        assert "Nothing was changed: wang.fang has already rotated this token" in text

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
        assert "The account has a token now." in answer.text
        assert wechat_verifies(outlet, NEW) == 200

    def test_a_token_that_another_account_has_is_warned_about(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        seen = brand_a.tokens.get().pk
        form = {"token_source": "enter", "token": B, "keep_old": "", "replaces": seen}
        text = press(li_wei_at_work, "rotate_token", brand_a.pk, **form).text

        assert "“Brand-B” has the same token." in text

    def test_it_is_warned_about_after_a_rotation_of_the_encryption_keys_too(
        self,
        li_wei_at_work: Client,
        brand_a: OfficialAccount,
        brand_b: OfficialAccount,
        settings: Any,
    ) -> None:
        settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4, *settings.TOKEN_ENCRYPTION_KEYS]
        call_command("rotate_encryption_keys", yes=True)

        text = tool(li_wei_at_work, "rotate", brand_a, token=B).text
        assert "“Brand-B” has the same token." in text

    def test_entering_one_needs_one(self, li_wei_at_work: Client, brand_a: OfficialAccount) -> None:
        form = {"token_source": "enter", "replaces": brand_a.tokens.get().pk}
        text = press(li_wei_at_work, "rotate_token", brand_a.pk, **form).text

        assert "Enter the token, or let one be generated." in text
        assert brand_a.tokens.count() == 1


class TestTheOldToken:
    def test_an_old_token_is_kept_longer(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(hours=1))
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
        rotate_token(brand_a, NEW, LI_WEI)
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

    def test_one_that_has_no_end_yet_cannot_be_kept_longer(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        rotate_token(brand_a, NEW, LI_WEI)
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
        rotate_token(brand_b, NEW, LI_WEI, keep_old=timedelta(hours=1))
        old = brand_b.tokens.exclude(superseded_at=None).get()

        assert press(li_wei_at_work, name, brand_a.pk, old.pk).status_code == 404
        assert wechat_verifies(brand_b, B) == 200
        assert last_event().action == Action.TOKEN_ROTATED
