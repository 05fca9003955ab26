"""Adding, changing and deleting accounts; those with attempts cannot be deleted."""

from __future__ import annotations

import html
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from verification.models import ChangeEvent, OfficialAccount, Token
from verification.models.account import SECRET_PATTERN
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import (
    ON_RECORD,
    UNCHANGED,
    Action,
    act,
    actions,
    add,
    call,
    current_secret,
    errors,
    open_account,
    page,
    press,
)


class TestAddingAnAccount:
    def test_a_token_is_generated_when_none_is_given(self, li_wei_at_work: Client) -> None:
        answer = add(li_wei_at_work)
        account = OfficialAccount.objects.get(slug="brand-c")
        text = current_secret(account)

        assert text in answer.text
        assert SECRET_PATTERN.fullmatch(text)
        assert len(text) == 32
        assert (account.tokens.get().created_by, account.name) == ("li.wei", "Brand C")
        events = ChangeEvent.objects.filter(account=account).values_list("action", "actor")
        assert [*events] == [("token_created", "li.wei"), ("account_created", "li.wei")]

    def test_the_token_wechat_already_has_is_taken_as_it_is(self, li_wei_at_work: Client) -> None:
        add(li_wei_at_work, token="TokenOfTheOldConsole")

        assert call("/wechat/brand-c", "TokenOfTheOldConsole") == 200

    @pytest.mark.parametrize(
        ("token", "sentence"),
        [
            (" TokenOfBrandC1234", "The token has a space or line break in it; remove it."),
            ("ab", "A token has 3 to 32 letters and digits, nothing else."),
            ("a" * 33, "A token has 3 to 32 letters and digits, nothing else."),
            ("token-of-brand-c", "A token has 3 to 32 letters and digits, nothing else."),
            ("令牌令牌令牌", "A token has 3 to 32 letters and digits, nothing else."),
        ],
    )
    def test_a_token_wechat_would_not_take_is_refused(
        self, li_wei_at_work: Client, token: str, sentence: str
    ) -> None:
        assert sentence in errors(add(li_wei_at_work, token=token))
        assert not OfficialAccount.objects.exists()
        assert not Token.objects.exists()

    def test_a_short_token_is_taken_with_a_warning(self, li_wei_at_work: Client) -> None:
        answer = add(li_wei_at_work, token="jerry")

        assert "A token of 5 characters can be guessed; use 16 or more." in answer.text

    def test_a_chinese_name_comes_with_a_random_slug(self, li_wei_at_work: Client) -> None:
        form = li_wei_at_work.get(page("officialaccount_add")).text
        slug = re.search(r'name="slug" value="([^"]*)"', form)
        assert slug is not None
        assert re.fullmatch("[a-z2-9]{8}", slug[1])
        add(li_wei_at_work, name="上海旗舰店", slug=slug[1])

        assert OfficialAccount.objects.get(slug=slug[1]).name == "上海旗舰店"

    @pytest.mark.parametrize("slug", ["Brand-C", "brand c", "品牌", "a/b", "a" * 41, "", "c\n"])
    def test_a_slug_that_no_server_url_can_have_is_refused(
        self, li_wei_at_work: Client, slug: str
    ) -> None:
        response = add(li_wei_at_work, slug=slug)
        if slug == "c\n":  # a form strips it
            assert OfficialAccount.objects.get().slug == "c"
        else:
            assert errors(response)
            assert not OfficialAccount.objects.exists()

    def test_a_slug_is_given_once(self, li_wei_at_work: Client, brand_a: OfficialAccount) -> None:
        assert "already exists" in errors(add(li_wei_at_work, slug="brand-a"))

    def test_the_form_refuses_a_fifty_first_account_at_the_bare_domain(
        self, li_wei_at_work: Client
    ) -> None:
        for number in range(50):
            make_account(f"outlet-{number}")

        refusal = errors(add(li_wei_at_work))
        assert "50 accounts already accept calls at the bare domain, and no more can." in refusal
        add(li_wei_at_work, answers_at_root="")
        assert OfficialAccount.objects.filter(slug="brand-c").exists()

    def test_it_leads_to_the_account_page_with_the_token_and_the_live_line(
        self, li_wei_at_work: Client
    ) -> None:
        answer = add(li_wei_at_work)
        account = OfficialAccount.objects.get()

        [(url, _status)] = answer.redirect_chain
        assert url.startswith(f"{page('officialaccount_change', account.pk)}?reveal=")
        assert "Brand C was added." in answer.text
        assert current_secret(account) in answer.text
        assert 'id="live"' in answer.text
        assert 'href="https://developers.weixin.qq.com/platform/" target="_blank"' in answer.text
        assert "no-store" in answer.headers["Cache-Control"]
        assert actions()[-2:] == [Action.ACCOUNT_CREATED, Action.TOKEN_CREATED]

    def test_a_token_that_another_account_has_is_taken_with_a_warning_that_names_it(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        answer = add(li_wei_at_work, token=A)

        assert (
            '<li class="warning">“Brand-A” has the same token. Give each account its own'
            in answer.text
        )
        assert call("/wechat/brand-c", A) == 200
        for slug, other in (("brand-c", "Brand-A"), ("brand-a", "Brand C")):
            account = OfficialAccount.objects.get(slug=slug)
            text = html.unescape(open_account(li_wei_at_work, account))
            assert f"Has the same token as “{other}”" in text

    def test_save_and_add_another_shows_the_token_and_leads_on(
        self, li_wei_at_work: Client
    ) -> None:
        form = {"name": "Outlet", "slug": "outlet", "token_source": "generate", "_addanother": "1"}
        text = press(li_wei_at_work, "verification_officialaccount_add", **form).text

        assert 'id="token" class="value secret"' in text
        assert 'add/">Add another account</a>' in text


class TestChangingAnAccount:
    def test_what_was_changed_is_named_in_the_change_log(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        url = page("officialaccount_change", brand_a.pk)
        form = {**UNCHANGED, "name": "Brand A", "slug": "a2", "notes": "Was brand-a."}
        li_wei_at_work.post(url, {**form, "initial-slug": "brand-a"})
        event = ChangeEvent.objects.latest("id")

        assert (event.action, event.actor) == (Action.ACCOUNT_CHANGED, "li.wei")
        assert event.facts["changes"] == {
            "name": ["Brand-A", "Brand A"],
            "slug": ["brand-a", "a2"],
            "notes": ["", "Was brand-a."],
        }
        li_wei_at_work.post(url, {**form, "initial-slug": "a2"})
        assert ChangeEvent.objects.latest("id") == event

    @pytest.mark.parametrize(
        ("form", "changes"),
        [
            ({"slug": "hidden", "initial-slug": "hidden"}, {"slug": ["brand-a", "hidden"]}),
            ({"slug": "brand-a"}, {}),
        ],
    )
    def test_changes_are_compared_with_the_database_and_not_with_the_form(
        self,
        li_wei_at_work: Client,
        brand_a: OfficialAccount,
        form: dict[str, str],
        changes: dict[str, list[str]],
    ) -> None:
        before = ChangeEvent.objects.latest("id")
        url = page("officialaccount_change", brand_a.pk)
        li_wei_at_work.post(url, {**UNCHANGED, "name": "Brand-A", **form})

        events = ChangeEvent.objects.filter(pk__gt=before.pk)
        assert [event.facts["changes"] for event in events] == [changes] * bool(changes)

    def test_the_slug_is_fixed_once_somebody_called(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        url = page("officialaccount_change", brand_a.pk)
        assert 'name="slug"' in li_wei_at_work.get(url).text
        call("/wechat/brand-a", "WrongToken1234567")

        assert 'name="slug"' not in li_wei_at_work.get(url).text

    def test_an_account_with_attempts_stays(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        call("/wechat/brand-a", A)
        url = page("officialaccount_delete", brand_a.pk)

        assert url not in li_wei_at_work.get(page("officialaccount_change", brand_a.pk)).text
        assert li_wei_at_work.post(url, {"post": "yes"}).status_code == 403
        assert OfficialAccount.objects.get() == brand_a

    def test_an_account_that_nobody_called_can_go_and_its_going_is_recorded(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        url = page("officialaccount_delete", brand_a.pk)
        assert url in li_wei_at_work.get(page("officialaccount_change", brand_a.pk)).text
        li_wei_at_work.post(url, {"post": "yes"})

        assert not OfficialAccount.objects.exists()
        event = ChangeEvent.objects.latest("id")
        assert (event.actor, event.action) == ("li.wei", Action.ACCOUNT_DELETED)
        assert event.facts == {"name": "Brand-A", "slug": "brand-a"}

    def test_there_is_no_deleting_in_bulk(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        for name in ("officialaccount", *ON_RECORD):
            assert "delete_selected" not in li_wei_at_work.get(page(f"{name}_changelist")).text
        act(li_wei_at_work, "delete_selected", brand_a)

        assert OfficialAccount.objects.get() == brand_a

    def test_a_longer_list_asks_no_more_queries(self, li_wei_at_work: Client) -> None:
        def count(accounts: int) -> int:
            for number in range(OfficialAccount.objects.count(), accounts):
                make_account(f"outlet-{number}", f"TokenOfOutlet{number:04}")
            with CaptureQueriesContext(connection) as queries:
                li_wei_at_work.get(page("officialaccount_changelist"))
            return len(queries)

        assert count(3) == count(30)
