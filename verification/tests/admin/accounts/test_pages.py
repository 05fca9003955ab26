"""The account page: its records, its slug and its languages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from verification.models import Backend, ChangeEvent, OfficialAccount
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import (
    add,
    errors,
    open_account,
    someone_who_may,
    we_test,
    wechat_goes_astray,
    wechat_pushes,
    wechat_verifies,
)
from verification.tests.support.deliveries import CRM

NEW = "NewTokenOfBrandA99"
Action = ChangeEvent.Action


@pytest.mark.parametrize(
    ("permission", "page", "form", "said"),
    [
        ("rotate_token", "rotate_token", {"token": NEW}, "Ask somebody who may to reveal"),
        ("set_backend", "set_backend", {"url": CRM}, "The backend is set"),
        ("manage_delivery", "retry_deliveries", {}, "There is nothing to change."),
        ("add_officialaccount", "verification_officialaccount_add", {}, "Brand C was added."),
    ],
)
def test_an_action_ends_on_a_page_that_its_permission_alone_opens(
    client: Client,
    brand_a: OfficialAccount,
    permission: str,
    page: str,
    form: dict[str, str],
    said: str,
) -> None:
    client.force_login(someone_who_may(permission))
    current = brand_a.current_token
    assert current is not None
    defaults: dict[str, Any] = {
        "replaces": current.pk,
        "token_source": "enter" if form else "generate",
        "keep_old": "",
        "on_failure": Backend.OnFailure.RESEND,
        "retention_days": 3,
    }
    if permission == "add_officialaccount":
        url = reverse(f"admin:{page}")
        form = {"name": "Brand C", "slug": "brand-c"}
    else:
        url = reverse(f"admin:{page}", args=[brand_a.pk])
    response = client.post(url, {**defaults, **form}, follow=True)

    assert response.status_code == 200
    assert said in response.text


class TestNames:
    NAME = """<i>O'Neill</i> & "Söhne" {{ 7 }} %s شركة """ + 50 * "长"

    @pytest.mark.parametrize(
        "page_name",
        [
            *("officialaccount_change", "officialaccount_delete", "rotate_token", "rotate_aes_key"),
            *("set_backend", "send_test_message", "pause_accounts", "officialaccount_changelist"),
        ],
    )
    def test_a_name_is_text_on_every_page_whatever_is_in_it(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, page_name: str
    ) -> None:
        OfficialAccount.objects.update(name=self.NAME)
        name = f"verification_{page_name}" if "officialaccount" in page_name else page_name
        has_key = page_name not in {"pause_accounts", "officialaccount_changelist"}
        url = reverse(f"admin:{name}", args=[brand_a.pk] if has_key else [])
        query = {"account": brand_a.pk} if page_name == "pause_accounts" else {}
        text = li_wei_at_work.get(url, query).text

        assert escape(self.NAME) in text
        assert "<i>" not in text

    def test_what_is_said_after_saving_has_it_as_text(self, li_wei_at_work: Client) -> None:
        answer = add(li_wei_at_work, name=self.NAME, _addanother="1")

        assert f"{escape(self.NAME)} was added." in answer.text
        assert "<i>" not in answer.text

    def test_a_name_that_would_reorder_the_text_around_it_is_refused(
        self, li_wei_at_work: Client
    ) -> None:
        answer = add(li_wei_at_work, name="Brand \u202eC")

        assert "The name contains an invisible character" in errors(answer)
        assert not OfficialAccount.objects.exists()


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

    def test_all_of_them_are_the_accounts_own(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        wechat_verifies(brand_b, B)
        text = open_account(li_wei_at_work, brand_a)
        links = re.findall(r'href="([^"]*/verificationattempt/\?[^"]*)"', text)

        assert len(links) == 2  # at the head of the page, and below the last five
        for link in links:
            assert li_wei_at_work.get(link).text.count('class="field-time"><a') == 1

    def test_browsers_and_bots_are_not_among_them(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        li_wei_at_work.get(brand_a.server_path)
        li_wei_at_work.head(brand_a.server_path)
        assert "✕" not in open_account(li_wei_at_work, brand_a)

        wechat_verifies(brand_a, B)
        assert open_account(li_wei_at_work, brand_a).count("✕") == 1

    def test_an_account_that_receives_messages_only_has_been_called(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        none = "<p>No verification yet.</p>"
        assert none in open_account(li_wei_at_work, brand_a)

        wechat_pushes(brand_a, A)
        text = open_account(li_wei_at_work, brand_a)
        assert "<p>No verification yet; messages arrive.</p>" in text
        assert none not in text


class TestCallsThatMissedTheAccount:
    @pytest.mark.parametrize(
        ("path", "token", "words"),
        [
            ("/wechat/elsewhere", A, "/wechat/elsewhere"),
            ("/wechat/brand-aa", "Nonsense123456789", "/wechat/brand-aa"),
        ],
    )
    def test_they_are_named_on_its_page_with_a_link(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount,
        path: str, token: str, words: str,
    ) -> None:  # fmt: skip
        assert "Calls that missed" not in open_account(li_wei_at_work, brand_a)
        wechat_goes_astray(path, token)
        text = open_account(li_wei_at_work, brand_a)
        card = text.partition("Calls that missed this account")[2].partition("</section>")[0]

        assert words in card
        link = re.search('href="([^"]*/change/)"', card)
        assert link is not None
        assert li_wei_at_work.get(link[1]).status_code == 200
        assert "Calls that missed" not in open_account(li_wei_at_work, brand_b)

    def test_they_are_for_readers_of_the_log(
        self, client: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_goes_astray("/wechat/elsewhere", A)
        client.force_login(someone_who_may("view_officialaccount", "view_changeevent"))

        assert "Calls that missed" not in open_account(client, brand_a)


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
