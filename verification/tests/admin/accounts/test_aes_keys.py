"""The card of an account's EncodingAESKey, and the pages behind it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from verification.models import AESKey, OfficialAccount
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import (
    Action,
    actions,
    errors,
    last_event,
    open_account,
    page,
    press,
    staff,
    wechat_pushes,
    wechat_pushes_encrypted,
)
from verification.tests.support.messages import (
    AES_KEY,
    APP_ID,
    OTHER_AES_KEY,
    encrypted_push,
    store_aes_key,
    text_message,
)

TEXT = text_message("hello", msg_id="24000000000000001")
REMEDY = "Put the key that encrypted it back behind the newest one in TOKEN_ENCRYPTION_KEYS"


def enter(client: Client, account: OfficialAccount, key: str = "", **form: str) -> Any:
    """Send the form, with this key or to generate one."""
    current = account.aes_keys.filter(superseded_at=None).first()
    source = "enter" if key else "generate"
    values = {"replaces": current.pk if current else 0, "aes_key_source": source, "aes_key": key}
    return press(client, "rotate_aes_key", account.pk, **values, **form)


class TestEntering:
    def test_the_key_and_the_app_id_are_asked_for_together(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        form = li_wei_at_work.get(reverse("admin:rotate_aes_key", args=[brand_a.pk])).text
        assert 'name="app_id"' in form
        assert "Enter the EncodingAESKey that the console already has" in form
        assert re.search(r'value="enter"[^>]* checked', form)
        assert 'name="keep_old"' not in form

        answer = enter(li_wei_at_work, brand_a, AES_KEY, app_id=APP_ID)
        assert AES_KEY in answer.text
        assert "no-store" in answer.headers["Cache-Control"]
        brand_a.refresh_from_db()
        assert brand_a.app_id == APP_ID
        assert actions()[-1] == Action.AES_KEY_CREATED

    def test_an_app_id_that_is_known_is_not_asked_for(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        OfficialAccount.objects.update(app_id=APP_ID)
        form = li_wei_at_work.get(reverse("admin:rotate_aes_key", args=[brand_a.pk])).text

        assert 'name="app_id"' not in form
        assert AES_KEY in enter(li_wei_at_work, brand_a, AES_KEY).text

    def test_an_original_id_in_its_place_is_asked_for_again(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        OfficialAccount.objects.update(app_id="gh_97417a04a28d")
        answer = enter(li_wei_at_work, brand_a, AES_KEY, app_id="gh_97417a04a28d")

        assert "This is the original ID" in errors(answer)
        assert not AESKey.objects.exists()

    def test_a_mistyped_key_is_refused_and_not_shown_again(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        answer = enter(li_wei_at_work, brand_a, f"{AES_KEY}=", app_id=APP_ID)

        assert "Leave out the “=” at the end" in errors(answer)
        assert AES_KEY not in answer.text
        assert not AESKey.objects.exists()

    def test_one_can_be_generated(self, li_wei_at_work: Client, brand_a: OfficialAccount) -> None:
        answer = enter(li_wei_at_work, brand_a, app_id=APP_ID)
        secret = brand_a.aes_keys.get().secret

        assert secret is not None
        assert secret.reveal() in answer.text


class TestRetiringTheCurrentKey:
    def test_plain_messages_are_accepted_again(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        key = store_aes_key(brand_a, AES_KEY)
        wechat_pushes_encrypted(brand_a, AES_KEY)
        assert wechat_pushes(brand_a, A) == 403

        url = reverse("admin:retire_aes_key", args=[brand_a.pk, key.pk])
        assert "console to the plain mode" in li_wei_at_work.get(url).text
        li_wei_at_work.post(url)
        assert wechat_pushes(brand_a, A) == 200
        assert wechat_pushes_encrypted(brand_a, OTHER_AES_KEY) == 200
        assert last_event().action == Action.AES_KEY_RETIRED
        assert "Retired key" in open_account(li_wei_at_work, brand_a)

    def test_the_previous_keys_end_with_it(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        store_aes_key(brand_a, OTHER_AES_KEY)
        key = store_aes_key(brand_a, AES_KEY)
        li_wei_at_work.post(reverse("admin:retire_aes_key", args=[brand_a.pk, key.pk]))

        assert not AESKey.objects.live_at(timezone.now()).exists()

    def test_a_current_token_cannot_be_retired(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        url = reverse("admin:retire_token", args=[brand_a.pk, brand_a.tokens.get().pk])

        assert "This is the current token" in li_wei_at_work.post(url, follow=True).text
        assert brand_a.current_token is not None


class TestRotating:
    @pytest.mark.parametrize(("keep_old", "hours"), [("", None), ("0", 0), ("24", 24)])
    def test_the_old_key_stays_as_long_as_was_chosen(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, keep_old: str, hours: int | None
    ) -> None:
        old = store_aes_key(brand_a, AES_KEY)
        enter(li_wei_at_work, brand_a, OTHER_AES_KEY, keep_old=keep_old)
        old.refresh_from_db()

        assert old.superseded_at is not None
        expected = None if hours is None else old.superseded_at + timedelta(hours=hours)
        assert old.expires_at == expected
        event = li_wei_at_work.get(page("changeevent_change", last_event().pk)).text
        assert "The old key stays valid: " in event

    def test_the_old_key_ends_a_day_after_the_new_one_has_decrypted_a_message(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        old = store_aes_key(brand_a, AES_KEY)
        enter(li_wei_at_work, brand_a, OTHER_AES_KEY)
        waiting = "24 hours after the new key has first decrypted a message"
        assert waiting in open_account(li_wei_at_work, brand_a)

        assert wechat_pushes_encrypted(brand_a, AES_KEY) == 200
        assert waiting in open_account(li_wei_at_work, brand_a)
        assert wechat_pushes_encrypted(brand_a, OTHER_AES_KEY) == 200
        assert waiting not in open_account(li_wei_at_work, brand_a)
        old.refresh_from_db()
        assert old.expires_at is not None
        assert old.expires_at > timezone.now() + timedelta(hours=23)

    def test_a_key_that_was_rotated_meanwhile_is_not_replaced(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        store_aes_key(brand_a, AES_KEY)
        answer = press(
            li_wei_at_work,
            "rotate_aes_key",
            brand_a.pk,
            replaces=0,
            aes_key_source="enter",
            aes_key=OTHER_AES_KEY,
        )

        assert "you have already rotated this EncodingAESKey" in answer.text
        assert brand_a.aes_keys.count() == 1

    def test_the_old_key_is_kept_longer_and_retired(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        old = store_aes_key(brand_a, AES_KEY)
        enter(li_wei_at_work, brand_a, OTHER_AES_KEY, keep_old="1")
        press(li_wei_at_work, "keep_aes_key", brand_a.pk, old.pk)
        asked = li_wei_at_work.get(reverse("admin:retire_aes_key", args=[brand_a.pk, old.pk])).text
        assert "WeChat has not used the new key yet." in asked
        press(li_wei_at_work, "retire_aes_key", brand_a.pk, old.pk)
        old.refresh_from_db()

        assert not old.is_live_at(timezone.now())
        assert actions()[-2:] == [Action.AES_KEY_KEPT, Action.AES_KEY_RETIRED]


class TestTheKeyStaysHidden:
    def test_only_a_post_of_a_user_who_may_reveals_it(self, brand_a: OfficialAccount) -> None:
        store_aes_key(brand_a, AES_KEY)
        client = staff("view_officialaccount", "change_officialaccount", "reveal_token")
        url = reverse("admin:reveal_aes_key", args=[brand_a.pk])

        assert f'action="{url}"' in open_account(client, brand_a)
        assert AES_KEY not in open_account(client, brand_a)
        assert client.get(url).status_code == 302
        assert Action.AES_KEY_REVEALED not in actions()
        assert AES_KEY in client.post(url, follow=True).text
        assert AES_KEY not in open_account(client, brand_a)
        assert actions()[-1] == Action.AES_KEY_REVEALED

    def test_each_needs_its_own_permission(self, brand_a: OfficialAccount) -> None:
        old = store_aes_key(brand_a, AES_KEY)
        client = staff("view_officialaccount", "change_officialaccount")
        text = open_account(client, brand_a)

        for name, ids in {"reveal": [], "rotate": [], "keep": [old.pk], "retire": [old.pk]}.items():
            url = reverse(f"admin:{name}_aes_key", args=[brand_a.pk, *ids])
            assert client.post(url).status_code == 403
            assert url not in text

    def test_an_account_without_one_has_none_to_reveal(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        assert press(li_wei_at_work, "reveal_aes_key", brand_a.pk).status_code == 404
        assert "No EncodingAESKey" in open_account(li_wei_at_work, brand_a)


class TestTheState:
    def test_the_card_says_whether_the_key_has_decrypted_a_message(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        store_aes_key(brand_a, AES_KEY)
        unused = "Not used yet: it has not decrypted any message"
        assert unused in open_account(li_wei_at_work, brand_a)

        body, query = encrypted_push(A, TEXT, is_test_message=True)
        Client().post(f"{brand_a.server_path}?{query}", body, content_type="text/xml")
        assert unused in open_account(li_wei_at_work, brand_a)

        wechat_pushes_encrypted(brand_a, AES_KEY)
        assert unused not in open_account(li_wei_at_work, brand_a)

    def test_a_new_key_that_does_not_fit_is_named_and_mutes_nobody(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        store_aes_key(brand_a, AES_KEY)
        assert wechat_pushes_encrypted(brand_a, OTHER_AES_KEY) == 200
        text = open_account(li_wei_at_work, brand_a)

        assert "does not fit this key, or not the AppID" in text
        assert f"({APP_ID})" in text

    def test_a_key_that_has_worked_and_no_longer_does_is_named_until_a_message_passes(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        store_aes_key(brand_a, AES_KEY)
        wechat_pushes_encrypted(brand_a, AES_KEY)
        assert wechat_pushes_encrypted(brand_a, OTHER_AES_KEY) == 403
        assert "was refused, because no key that is stored here decrypts it" in open_account(
            li_wei_at_work, brand_a
        )

        wechat_pushes_encrypted(brand_a, AES_KEY)
        assert "was refused, because" not in open_account(li_wei_at_work, brand_a)

    def test_a_new_key_beside_one_that_has_worked_is_named_when_neither_fits(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        store_aes_key(brand_a, AES_KEY)
        wechat_pushes_encrypted(brand_a, AES_KEY)
        store_aes_key(brand_a, OTHER_AES_KEY)

        assert wechat_pushes_encrypted(brand_a, AES_KEY[::-1]) == 403
        assert "because no key that is stored here decrypts it" in open_account(
            li_wei_at_work, brand_a
        )

    def test_a_lost_encryption_key_is_named(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any
    ) -> None:
        store_aes_key(brand_a, AES_KEY)
        wechat_pushes(brand_a, A)
        settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4]
        url = reverse("admin:reveal_aes_key", args=[brand_a.pk])

        assert "The EncodingAESKey cannot be decrypted." in open_account(li_wei_at_work, brand_a)
        assert REMEDY in li_wei_at_work.post(url, follow=True).text
