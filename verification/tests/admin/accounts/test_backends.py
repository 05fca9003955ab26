"""An operator sets a backend on the account's page, and reads there whether it works."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from verification.models import Backend, ChangeEvent, OfficialAccount
from verification.protocol.console import SERVICE_FAILURE_MESSAGE
from verification.protocol.enums import DeliveryResult
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import (
    UNCHANGED,
    actions,
    errors,
    last_event,
    open_account,
    open_list,
    press,
    staff,
    wechat_pushes,
)
from verification.tests.support.deliveries import (
    CRM,
    MASKED,
    count_deliveries,
    give_backend,
    give_failing_backend,
    keep_waiting,
)
from verification.tests.support.messages import AES_KEY, APP_ID, OTHER_AES_KEY, store_aes_key

Action = ChangeEvent.Action
OTHER_APP_ID = "wx0123456789abcdef"
FORM = {"url": CRM, "on_failure": "resend", "retention_days": "3"}


def fill_in(client: Client, account: OfficialAccount, **form: str) -> Any:
    return press(client, "set_backend", account.pk, **{**FORM, **form})


class TestSettingABackend:
    def test_li_wei_sets_one_and_reads_what_happens_when_it_fails(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        assert "No backend is set." in open_account(li_wei_at_work, brand_a)
        page = fill_in(li_wei_at_work, brand_a).text

        assert "Messages are forwarded from now on." in page
        assert MASKED in page
        assert "No message has been forwarded to it yet" in page
        assert SERVICE_FAILURE_MESSAGE in page
        assert "Choose this" not in page
        assert "the database cannot be used, WeChat gets 503" in page
        assert "hunter2-secret" not in page

    def test_both_choices_are_explained_and_none_is_chosen(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        page = li_wei_at_work.get(f"/admin/verification/officialaccount/{brand_a.pk}/backend/").text

        assert "The person who wrote sees no error, and gets no late reply." in page
        assert "three times in all" in page
        assert "checked" not in page
        assert "Choose this if your company must not store messages." in page

        refused = fill_in(li_wei_at_work, brand_a, on_failure="")
        assert "Choose what happens when the backend fails." in errors(refused)
        assert not Backend.objects.exists()

    def test_only_postgresql_offers_to_keep_messages(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        page = li_wei_at_work.get(f"/admin/verification/officialaccount/{brand_a.pk}/backend/").text
        [keep] = re.findall(r'<input[^>]*value="keep"[^>]*>', page)
        [resend] = re.findall(r'<input[^>]*value="resend"[^>]*>', page)

        is_sqlite = connection.vendor == "sqlite"
        assert ("disabled" in keep) is is_sqlite
        assert ("This needs PostgreSQL. This server uses SQLite." in page) is is_sqlite
        assert "disabled" not in resend

    @pytest.mark.parametrize("url", ["", "http://crm.example.cn/wx", "https://127.0.0.1/wx"])
    def test_a_url_that_no_backend_can_have_is_refused_beside_the_field(
        self, brand_a: OfficialAccount, li_wei_at_work: Client, url: str
    ) -> None:
        refused = fill_in(li_wei_at_work, brand_a, url=url, on_failure="")

        assert refused.status_code == 200
        assert errors(refused).count("errorlist") == 2
        assert "Currently:" not in refused.text
        assert f'href="{url}"' not in refused.text
        assert not Backend.objects.exists()

    def test_the_page_says_before_what_becomes_of_messages_that_wait(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        give_backend(brand_a)
        keep_waiting(brand_a, 12)
        for name in ("backend/", "backend/remove/"):
            page = f"/admin/verification/officialaccount/{brand_a.pk}/{name}"
            assert "12 messages wait. The messages in the spool go to the backend" in (
                li_wei_at_work.get(page).text
            )

    def test_after_removing_it_the_account_has_none(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        give_backend(brand_a)
        press(li_wei_at_work, "remove_backend", brand_a.pk)

        assert "No backend is set." in open_account(li_wei_at_work, brand_a)
        assert last_event().action == Action.BACKEND_REMOVED
        assert press(li_wei_at_work, "remove_backend", brand_a.pk).redirect_chain

    def test_who_may_only_view_sees_it_and_no_button(self, brand_a: OfficialAccount) -> None:
        give_backend(brand_a)
        viewer = staff("view_officialaccount")
        page = open_account(viewer, brand_a)

        assert MASKED in page
        for button in ("Change backend", "Remove backend", "Reveal secret", "Rotate secret"):
            assert button not in page


class TestForwardingDecrypted:
    def test_the_form_says_what_is_missing(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        page = li_wei_at_work.get(f"/admin/verification/officialaccount/{brand_a.pk}/backend/").text
        [checkbox] = re.findall(r'<input[^>]*name="forwards_decrypted"[^>]*>', page)

        assert "disabled" in checkbox
        assert "First set the EncodingAESKey of the account" in page
        fill_in(li_wei_at_work, brand_a, forwards_decrypted="on")
        assert not Backend.objects.get().forwards_decrypted

    def test_li_wei_turns_it_on_and_off(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        store_aes_key(brand_a, AES_KEY)
        form = li_wei_at_work.get(f"/admin/verification/officialaccount/{brand_a.pk}/backend/").text
        assert "It must trust this server" in form
        assert "First set" not in form

        page = fill_in(li_wei_at_work, brand_a, forwards_decrypted="on").text
        assert "Forwarded decrypted." in page
        page = fill_in(li_wei_at_work, brand_a).text
        assert "Forwarded decrypted." not in page
        assert last_event().facts == {"changes": {"forwards_decrypted": [True, False]}}

    def test_the_key_is_not_retired_meanwhile(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        key = store_aes_key(brand_a, AES_KEY)
        fill_in(li_wei_at_work, brand_a, forwards_decrypted="on")
        page = press(li_wei_at_work, "retire_aes_key", brand_a.pk, key.pk).text

        assert "The backend gets messages decrypted, which needs this key." in page
        key.refresh_from_db()
        assert key.is_current

    def test_the_page_that_retires_it_is_not_shown_either(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        key = store_aes_key(brand_a, AES_KEY)
        fill_in(li_wei_at_work, brand_a, forwards_decrypted="on")
        url = reverse("admin:retire_aes_key", args=[brand_a.pk, key.pk])
        answer = li_wei_at_work.get(url, follow=True)

        assert "The backend gets messages decrypted, which needs this key." in answer.text
        assert "Retire key now" not in answer.text
        fill_in(li_wei_at_work, brand_a)
        assert "Retire key now" in li_wei_at_work.get(url).text

    def test_a_previous_key_can_be_retired(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        old = store_aes_key(brand_a, AES_KEY)
        store_aes_key(brand_a, OTHER_AES_KEY)
        fill_in(li_wei_at_work, brand_a, forwards_decrypted="on")
        url = reverse("admin:retire_aes_key", args=[brand_a.pk, old.pk])

        assert "Retire old key now" in li_wei_at_work.get(url).text

    def test_another_app_id_is_named_and_none_is_refused(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        store_aes_key(brand_a, AES_KEY)
        page, form = "verification_officialaccount_change", {**UNCHANGED, "name": "Brand-A"}
        said = "The backend gets messages decrypted: from now on, only those that end with"
        other = press(li_wei_at_work, page, brand_a.pk, **form, app_id=OTHER_APP_ID)
        assert said not in other.text

        fill_in(li_wei_at_work, brand_a, forwards_decrypted="on")
        other = press(li_wei_at_work, page, brand_a.pk, **form, app_id=APP_ID)
        assert f"{said} {APP_ID}." in other.text
        same = press(li_wei_at_work, page, brand_a.pk, **form, app_id=APP_ID)
        assert said not in same.text
        none = press(li_wei_at_work, page, brand_a.pk, **form, app_id="")
        assert "The EncodingAESKey needs it" in none.text
        brand_a.refresh_from_db()
        assert brand_a.app_id == APP_ID

    def test_a_message_that_is_not_decrypted_is_said_with_what_to_do(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        give_backend(brand_a, forwards_decrypted=True, last_success_at=timezone.now())
        count_deliveries(brand_a, DeliveryResult.NOT_DECRYPTED, 4)
        page = open_account(li_wei_at_work, brand_a)

        assert "no EncodingAESKey of this account decrypts the message." in page
        assert page.count("Compare the EncodingAESKey and the AppID or CorpID") == 3
        assert "4 of 4 deliveries of the last hour brought no reply, the last at " in page
        assert ": message not decrypted" in page
        assert "Works: took" not in page


class TestTheState:
    @pytest.mark.parametrize(
        ("result", "status", "said", "advised"),
        [
            (
                DeliveryResult.CONNECTION_REFUSED,
                None,
                "The backend refuses connections.",
                "Start the backend",
            ),
            (
                DeliveryResult.SERVER_ERROR,
                502,
                "The backend answered with status 502.",
                "A proxy in front of the backend",
            ),
        ],
    )
    def test_a_failure_is_said_with_what_to_do(
        self,
        brand_a: OfficialAccount,
        li_wei_at_work: Client,
        result: DeliveryResult,
        status: int | None,
        said: str,
        advised: str,
    ) -> None:
        give_failing_backend(brand_a, result, status)
        page = open_account(li_wei_at_work, brand_a)

        assert f": {said}" in page
        assert "Fails since " in page
        assert advised in page

    def test_the_list_of_accounts_names_the_failure_first(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        give_failing_backend(brand_b, DeliveryResult.SERVER_ERROR, 500)
        keep_waiting(brand_b, 12)
        page = open_list(li_wei_at_work)

        assert "1 account needs attention" in page
        assert "error of the backend (500) · 12 messages wait" in page
        assert page.index("Brand-B") < page.index("Brand-A")

    def test_a_success_is_said_with_its_time(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        give_backend(brand_a, last_success_at=timezone.now())

        assert "Works: took the last message at " in open_account(li_wei_at_work, brand_a)

    def test_unusable_replies_are_said_although_the_backend_takes_messages(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        give_backend(brand_a, last_success_at=timezone.now())
        count_deliveries(brand_a, DeliveryResult.UNUSABLE_REPLY, 12, status=200)
        shown = open_account(li_wei_at_work, brand_a)

        assert "12 of 12 deliveries of the last hour brought no reply, the last at " in shown
        assert ": unusable reply" in shown
        assert "not a web page." in shown
        assert "Works: took" not in shown


class TestTheWebhookSecret:
    def test_it_is_shown_once_after_a_post(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        secret = give_backend(brand_a).secret.reveal()  # type: ignore[union-attr]
        url = f"/admin/verification/officialaccount/{brand_a.pk}/backend/reveal/"

        assert li_wei_at_work.get(url).status_code == 302
        assert secret not in open_account(li_wei_at_work, brand_a)
        assert secret in press(li_wei_at_work, "reveal_webhook_secret", brand_a.pk).text
        assert secret not in open_account(li_wei_at_work, brand_a)
        assert actions().count(Action.WEBHOOK_SECRET_REVEALED) == 1

    def test_rotating_shows_the_new_one_and_says_until_when_the_old_one_signs(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        give_backend(brand_a)
        answer = press(li_wei_at_work, "rotate_webhook_secret", brand_a.pk, replaces="first")

        backend = Backend.objects.get()
        assert backend.secret.reveal() in answer.text  # type: ignore[union-attr]
        page = open_account(li_wei_at_work, brand_a)
        assert "The previous secret signs as well until 20" in page

        again = press(li_wei_at_work, "rotate_webhook_secret", brand_a.pk, replaces="first")
        assert "rotated in the meantime; nothing was changed" in again.text
        assert Backend.objects.get().secret.reveal() == backend.secret.reveal()  # type: ignore[union-attr]

    def test_who_may_set_but_not_reveal_rotates_without_seeing_it(
        self, brand_a: OfficialAccount
    ) -> None:
        give_backend(brand_a)
        operator = staff("set_backend", "view_officialaccount")
        answer = press(operator, "rotate_webhook_secret", brand_a.pk, replaces="first")

        assert Backend.objects.get().secret.reveal() not in answer.text  # type: ignore[union-attr]
        assert "The webhook secret is rotated." in answer.text
        assert last_event().action == Action.WEBHOOK_SECRET_ROTATED
        assert press(operator, "reveal_webhook_secret", brand_a.pk).status_code == 403

    @pytest.mark.parametrize("secret", ["token", "webhook_secret"])
    def test_who_may_reveal_but_not_see_the_account_has_revealed_nothing(
        self, brand_a: OfficialAccount, secret: str
    ) -> None:
        give_backend(brand_a)
        person = staff(f"reveal_{secret}")
        before = last_event().pk
        answer = press(person, f"reveal_{secret}", brand_a.pk)

        assert answer.status_code == 403
        assert last_event().pk == before


class TestConnecting:
    def test_without_a_backend_the_card_says_that_followers_get_no_reply(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        page = open_account(li_wei_at_work, brand_a)

        assert "Set a backend first" in page
        assert "followers get no reply" in page

    def test_with_a_backend_it_says_where_messages_go(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        give_backend(brand_a)
        page = open_account(li_wei_at_work, brand_a)

        assert "get no reply" not in page
        assert f"the backend {MASKED}." in page

    def test_the_key_of_an_account_that_moves_in_stays_as_it_is(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        assert "leave the key as it is" in open_account(li_wei_at_work, brand_a)

    def test_once_messages_arrive_it_asks_for_no_other_key(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        wechat_pushes(brand_a, A)
        page = open_account(li_wei_at_work, brand_a)

        assert "Press Generate" not in page
        assert page.count("receives messages already: leave it as it is.") == 2
        assert "This account is enabled (启用) and has no backend" in page


def test_the_change_log_says_it_in_both_languages(
    brand_a: OfficialAccount, li_wei_at_work: Client, li_wei: User
) -> None:
    fill_in(li_wei_at_work, brand_a)
    fill_in(li_wei_at_work, brand_a, url="https://new.example.cn/wx", retention_days="7")
    page = li_wei_at_work.get("/admin/verification/changeevent/").text

    assert f"{MASKED} · Store nothing and let WeChat send it again" in page
    assert f"backend URL: {MASKED} → https://new.example.cn/wx" in page
    assert "days to keep messages in the spool: 3 → 7" in page
    assert "hunter2" not in page
