"""Backends are set, changed and removed on record, and what is recorded holds no secret."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from verification.accounts.backends import (
    ChangedMeanwhile,
    mask_url,
    previous_secret_ends,
    remove_backend,
    reveal_webhook_secret,
    rotate_webhook_secret,
    secret_version,
    set_backend,
)
from verification.accounts.rotation import current_secret, retire
from verification.admin.audit_log.change_details import describe as describe_change
from verification.models import AESKey, Backend, ChangeEvent, Delivery, OfficialAccount
from verification.protocol.enums import DeliveryResult, Platform
from verification.relay.webhooks import decode_webhook_secret
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.admin_client import last_event
from verification.tests.support.deliveries import (
    CRM,
    MASKED,
    give_backend,
    give_failing_backend,
    keep_waiting,
)
from verification.tests.support.messages import AES_KEY, OTHER_AES_KEY, store_aes_key

Action = ChangeEvent.Action
RESEND = Backend.OnFailure.RESEND


class TestSetting:
    def test_a_new_backend_gets_a_webhook_secret_of_its_own(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        backends = [give_backend(account) for account in (brand_a, brand_b)]
        secrets = [backend.secret.reveal() for backend in backends]  # type: ignore[union-attr]

        assert all(secret.startswith("whsec_") for secret in secrets)
        assert [len(decode_webhook_secret(secret)) for secret in secrets] == [32, 32]
        assert secrets[0] != secrets[1]

    def test_it_is_recorded_without_the_values_of_the_query(self, brand_a: OfficialAccount) -> None:
        set_backend(brand_a, CRM, RESEND, 3, LI_WEI)

        event = last_event()
        assert (event.action, event.actor, event.account) == (
            Action.BACKEND_SET,
            "li.wei",
            brand_a,
        )
        assert event.facts == {
            "url": MASKED,
            "on_failure": "resend",
            "retention_days": 3,
            "forwards_decrypted": False,
        }

    def test_a_change_is_recorded_with_old_and_new(self, brand_a: OfficialAccount) -> None:
        give_backend(brand_a)
        changed = set_backend(brand_a, "https://new.example.cn/wx", RESEND, 7, LI_WEI)

        assert changed == ["url", "retention_days"]
        assert last_event().action == Action.BACKEND_CHANGED
        assert last_event().facts == {
            "changes": {"url": [MASKED, "https://new.example.cn/wx"], "retention_days": [3, 7]}
        }

    def test_a_new_password_in_the_url_shows_as_a_change_and_not_itself(
        self, brand_a: OfficialAccount
    ) -> None:
        give_backend(brand_a)
        set_backend(brand_a, CRM + "2", RESEND, 3, LI_WEI)

        old, new = last_event().facts["changes"]["url"]
        assert old != new
        assert old.startswith(f"{MASKED} (")
        assert new.startswith(f"{MASKED} (")

    def test_setting_the_same_again_is_no_event(self, brand_a: OfficialAccount) -> None:
        give_backend(brand_a)
        count = ChangeEvent.objects.count()

        assert set_backend(brand_a, CRM, RESEND, 3, LI_WEI) == []
        assert ChangeEvent.objects.count() == count

    def test_a_new_url_is_tried_at_once_with_what_waits(self, brand_a: OfficialAccount) -> None:
        give_failing_backend(brand_a)
        keep_waiting(brand_a)
        set_backend(brand_a, "https://new.example.cn/wx", RESEND, 3, LI_WEI)

        backend = Backend.objects.get()
        assert (backend.failures, backend.failing_since, backend.next_probe_at) == (0, None, None)
        assert Delivery.objects.get().due_at <= timezone.now()

    def test_another_choice_keeps_the_secret_and_what_is_known(
        self, brand_a: OfficialAccount
    ) -> None:
        before = give_failing_backend(brand_a, DeliveryResult.SERVER_ERROR, 500)
        set_backend(brand_a, CRM, RESEND, 9, LI_WEI)

        after = Backend.objects.get()
        assert after.failing_since == before.failing_since
        assert after.secret.reveal() == before.secret.reveal()  # type: ignore[union-attr]

    @pytest.mark.parametrize(
        ("url", "on_failure", "days", "field"),
        [
            ("http://crm.example.cn/wx", "resend", 3, "url"),
            (CRM, "", 3, "on_failure"),
            (CRM, "forget", 3, "on_failure"),
            (CRM, "resend", 0, "retention_days"),
            (CRM, "resend", 31, "retention_days"),
        ],
    )
    def test_what_no_backend_can_have_is_refused(
        self, brand_a: OfficialAccount, url: str, on_failure: str, days: int, field: str
    ) -> None:
        with pytest.raises(ValidationError) as refused:
            set_backend(brand_a, url, on_failure, days, LI_WEI)

        assert list(refused.value.message_dict) == [field]
        assert not Backend.objects.exists()

    def test_messages_are_kept_in_postgresql_alone(self, brand_a: OfficialAccount) -> None:
        if connection.vendor == "postgresql":
            set_backend(brand_a, CRM, "keep", 3, LI_WEI)
            assert Backend.objects.get().on_failure == "keep"
            return
        with pytest.raises(ValidationError, match="this server uses SQLite"):
            set_backend(brand_a, CRM, "keep", 3, LI_WEI)


class TestForwardingDecrypted:
    def test_it_needs_the_key_and_the_id_of_the_account(self, brand_a: OfficialAccount) -> None:
        with pytest.raises(ValidationError, match="First set the EncodingAESKey"):
            give_decrypting_backend(brand_a)

        store_aes_key(brand_a, AES_KEY)
        OfficialAccount.objects.update(app_id="")
        brand_a.refresh_from_db()
        with pytest.raises(ValidationError, match="First enter the AppID"):
            give_decrypting_backend(brand_a)

        brand_a.platform = Platform.WECOM
        with pytest.raises(ValidationError, match="First enter the CorpID") as refused:
            give_decrypting_backend(brand_a)
        assert list(refused.value.message_dict) == ["forwards_decrypted"]
        assert not Backend.objects.exists()

    def test_the_switch_is_recorded_with_old_and_new(self, brand_a: OfficialAccount) -> None:
        store_aes_key(brand_a, AES_KEY)
        give_backend(brand_a)

        assert give_decrypting_backend(brand_a) == ["forwards_decrypted"]
        assert last_event().action == Action.BACKEND_CHANGED
        assert last_event().facts == {"changes": {"forwards_decrypted": [False, True]}}
        assert describe_change(last_event()) == "forward messages decrypted: no → yes"

    def test_a_new_backend_is_recorded_with_it(self, brand_a: OfficialAccount) -> None:
        store_aes_key(brand_a, AES_KEY)
        give_decrypting_backend(brand_a)

        assert last_event().facts["forwards_decrypted"] is True
        assert describe_change(last_event()).endswith(" · forward messages decrypted")

    def test_what_waits_is_tried_at_once_in_its_new_form(self, brand_a: OfficialAccount) -> None:
        store_aes_key(brand_a, AES_KEY)
        give_failing_backend(brand_a, DeliveryResult.SERVER_ERROR, 500)
        keep_waiting(brand_a)
        give_decrypting_backend(brand_a)

        backend = Backend.objects.get()
        assert (backend.failures, backend.failing_since, backend.next_probe_at) == (0, None, None)
        assert Delivery.objects.get().due_at <= timezone.now()

    def test_the_key_stays_while_the_backend_needs_it(self, brand_a: OfficialAccount) -> None:
        old, key = store_aes_key(brand_a, OTHER_AES_KEY), store_aes_key(brand_a, AES_KEY)
        old.refresh_from_db()
        give_decrypting_backend(brand_a)
        with pytest.raises(ValidationError, match="First change the backend"):
            retire(key, LI_WEI)
        retire(old, LI_WEI)
        assert current_secret(AESKey, brand_a) == key

        set_backend(brand_a, CRM, RESEND, 3, LI_WEI)
        retire(key, LI_WEI)
        assert current_secret(AESKey, brand_a) is None


def give_decrypting_backend(account: OfficialAccount) -> list[str]:
    return set_backend(account, CRM, RESEND, 3, LI_WEI, forwards_decrypted=True)


class TestRemoving:
    def test_what_waits_stays_for_the_next_backend(self, brand_a: OfficialAccount) -> None:
        give_backend(brand_a)
        keep_waiting(brand_a, 2)

        assert remove_backend(brand_a, LI_WEI)
        assert last_event().action == Action.BACKEND_REMOVED
        assert last_event().facts == {"url": MASKED}
        assert Delivery.objects.filter(state=Delivery.State.WAITING).count() == 2

        give_backend(brand_a)
        assert not Delivery.objects.filter(due_at__gt=timezone.now()).exists()

    def test_where_there_is_none_nothing_is_recorded(self, brand_a: OfficialAccount) -> None:
        count = ChangeEvent.objects.count()

        assert not remove_backend(brand_a, LI_WEI)
        assert ChangeEvent.objects.count() == count


class TestTheWebhookSecret:
    def test_revealing_it_is_recorded_without_it(self, brand_a: OfficialAccount) -> None:
        text = reveal_webhook_secret(give_backend(brand_a), LI_WEI)

        assert last_event().action == Action.WEBHOOK_SECRET_REVEALED
        assert text not in str(ChangeEvent.objects.values_list())

    def test_the_previous_one_signs_for_another_day(self, brand_a: OfficialAccount) -> None:
        backend = give_backend(brand_a)
        old = backend.secret.reveal()  # type: ignore[union-attr]
        new = rotate_webhook_secret(backend, LI_WEI)

        now, backend = timezone.now(), Backend.objects.get()
        assert backend.secret.reveal() == new != old  # type: ignore[union-attr]
        assert backend.previous_secret.reveal() == old  # type: ignore[union-attr]
        ends = previous_secret_ends(backend, now)
        assert ends is not None
        assert timedelta(hours=23) < ends - now <= timedelta(hours=24)
        assert previous_secret_ends(backend, now + timedelta(hours=25)) is None

    def test_pressing_twice_rotates_once(self, brand_a: OfficialAccount) -> None:
        backend = give_backend(brand_a)
        seen = secret_version(backend)
        rotate_webhook_secret(backend, LI_WEI, replaces=seen)

        with pytest.raises(ChangedMeanwhile):
            rotate_webhook_secret(backend, LI_WEI, replaces=seen)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("https://crm.example.cn/wx", "https://crm.example.cn/wx"),
        ("https://crm.example.cn:8443/wx?a=1&b=2", "https://crm.example.cn:8443/wx?a=•&b=•"),
        ("https://crm.example.cn/wx?hunter2", "https://crm.example.cn/wx?•"),
        ("https://crm.example.cn/wx?a=", "https://crm.example.cn/wx?a=•"),
    ],
)
def test_the_values_of_a_query_are_never_shown(url: str, masked: str) -> None:
    assert mask_url(url).replace("••••••••", "•") == masked
