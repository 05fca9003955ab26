"""An account, a token, a key or a backend that somebody changed in the database shows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from verification import change_log
from verification.accounts.backends import set_backend
from verification.accounts.pausing import pause, resume
from verification.accounts.rotation import retire
from verification.accounts.tokens import rotate_token
from verification.audit_log.verifier import verify_audit
from verification.change_log import Action
from verification.fields import Secret
from verification.models import AESKey, Backend, ChangeEvent, OfficialAccount, Token
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import wechat_verifies
from verification.tests.support.messages import AES_KEY, store_aes_key
from verification.tests.support.tampering import triggers_off

NEW = "NewTokenOfBrandA99"


def problems() -> list[str]:
    return verify_audit().problems


def last_event() -> int:
    return ChangeEvent.objects.latest("id").pk


def fingerprint(account: OfficialAccount) -> str:
    token = account.current_token
    assert token is not None
    return token.fingerprint


@pytest.fixture
def connected(brand_a: OfficialAccount) -> OfficialAccount:
    """Brand A has a key and a backend, and WeChat has verified it."""
    store_aes_key(brand_a, AES_KEY)
    set_backend(brand_a, "https://crm.example.cn/wechat?key=1", "resend", 3, LI_WEI)
    wechat_verifies(brand_a, A)
    return OfficialAccount.objects.get(pk=brand_a.pk)


def test_accounts_that_only_people_and_wechat_changed_are_as_recorded(
    connected: OfficialAccount,
) -> None:
    rotate_token(connected, NEW, LI_WEI)
    wechat_verifies(connected, NEW)  # the old token has an end now
    rotate_token(connected, "NextTokenOfBrandA9", LI_WEI, keep_old=timedelta(0))

    assert problems() == []


@pytest.mark.parametrize(
    ("column", "value", "named"),
    [
        ("is_paused", True, "paused"),
        ("name", "Brand B", "name"),
        ("slug", "brand-c", "slug"),
        ("answers_at_root", False, "also accept calls at the bare domain"),
        ("app_id", "wx0000000000000000", "AppID"),
        ("notes", "by phone", "notes"),
    ],
)
def test_a_changed_setting_is_named(
    connected: OfficialAccount, column: str, value: Any, named: str
) -> None:
    event = ChangeEvent.objects.filter(action=Action.ACCOUNT_CHANGED).latest("id").pk
    OfficialAccount.objects.update(**{column: value})
    connected.refresh_from_db()

    assert problems() == [
        f"{connected.name} ({connected.slug}): the field “{named}” is not as change event {event} "
        "recorded it."
    ]


def test_an_account_that_was_resumed_in_the_database_is_named(brand_a: OfficialAccount) -> None:
    pause(brand_a, LI_WEI)
    OfficialAccount.objects.update(is_paused=False)

    assert problems() == [
        f"Brand-A (brand-a): the field “paused” is not as change event {last_event()} recorded it."
    ]


def test_an_older_row_that_was_put_back_is_named(brand_a: OfficialAccount) -> None:
    before = OfficialAccount.objects.values().get()
    pause(brand_a, LI_WEI)
    resume(brand_a, LI_WEI)
    assert problems() == []
    OfficialAccount.objects.update(updated_at=before["updated_at"])

    assert problems() == [
        f"Brand-A (brand-a): the field “changed” is not as change event {last_event()} recorded it."
    ]


class TestTokens:
    def test_a_retired_one_that_was_revived_is_named(self, brand_a: OfficialAccount) -> None:
        old = fingerprint(brand_a)
        rotate_token(brand_a, NEW, LI_WEI)
        retire(Token.objects.get(fingerprint=old), LI_WEI)
        Token.objects.filter(fingerprint=old).update(expires_at=timezone.now() + timedelta(days=9))

        assert problems() == [
            f"Brand-A (brand-a): the end of the token {old} is not as change event {last_event()} "
            "recorded it."
        ]

    def test_one_whose_end_after_the_first_use_was_removed_is_named(
        self, brand_a: OfficialAccount
    ) -> None:
        old = fingerprint(brand_a)
        rotate_token(brand_a, NEW, LI_WEI)
        wechat_verifies(brand_a, NEW)
        assert problems() == []
        Token.objects.filter(fingerprint=old).update(expires_at=None)

        assert problems() == [
            f"Brand-A (brand-a): the end of the token {old} is not as change event {last_event()} "
            "recorded it."
        ]

    def test_one_whose_end_is_not_that_of_the_first_use_is_named(
        self, brand_a: OfficialAccount
    ) -> None:
        old = fingerprint(brand_a)
        rotate_token(brand_a, NEW, LI_WEI)
        wechat_verifies(brand_a, NEW)
        Token.objects.filter(fingerprint=old).update(expires_at=timezone.now() + timedelta(days=9))

        assert len(problems()) == 1

    def test_a_ciphertext_that_was_planted_on_another_account_is_named(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        token = brand_a.current_token
        assert token is not None
        brand_b.tokens.update(secret=token.secret)

        assert problems() == [
            f"Brand-B (brand-b): the token {fingerprint(brand_b)} is not as change event "
            f"{last_event()} recorded it."
        ]

    def test_one_that_was_moved_to_another_account_is_named_twice(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        rotate_token(brand_a, NEW, LI_WEI)
        old = brand_a.tokens.get(superseded_at__isnull=False)
        Token.objects.filter(pk=old.pk).update(account=brand_b)

        assert problems() == [
            f"Brand-A (brand-a): the token {old.fingerprint} is missing, but change event "
            f"{last_event()} has it.",
            f"Brand-B (brand-b): the token {old.fingerprint} is there, but no change event has "
            "added it.",
        ]

    def test_one_that_was_deleted_is_named(self, brand_a: OfficialAccount) -> None:
        token = brand_a.current_token
        assert token is not None
        Token.objects.filter(pk=token.pk).delete()

        assert problems() == [
            f"Brand-A (brand-a): the token number {token.pk} is missing, but change event "
            f"{last_event()} has it."
        ]

    def test_a_reveal_does_not_make_it_right(self, brand_a: OfficialAccount) -> None:
        token = brand_a.current_token
        assert token is not None
        Token.objects.update(secret=Secret.of(NEW))
        change_log.record(Action.TOKEN_REVEALED, LI_WEI, brand_a, secret=token)

        assert len(problems()) == 1

    def test_nor_does_a_change_of_the_accounts_settings(self, brand_a: OfficialAccount) -> None:
        Token.objects.update(secret=Secret.of(NEW))
        pause(brand_a, LI_WEI)

        assert len(problems()) == 1


@pytest.mark.parametrize(
    ("model", "change", "item"),
    [
        (AESKey, {"created_by": "x"}, "the EncodingAESKey {fingerprint}"),
        (Backend, {"url": "https://evil.example.cn/"}, "the backend’s “backend URL”"),
        (Backend, {"on_failure": "keep"}, "the backend’s “when the backend fails”"),
        (Backend, {"secret": Secret("x")}, "the backend’s “webhook secret”"),
    ],
)
def test_a_changed_key_or_backend_is_named(
    connected: OfficialAccount, model: Any, change: dict[str, Any], item: str
) -> None:
    row = model.objects.get()
    model.objects.update(**change)
    action = Action.AES_KEY_CREATED if model is AESKey else Action.BACKEND_SET
    event = ChangeEvent.objects.get(action=action).pk
    item = item.format(fingerprint=getattr(row, "fingerprint", ""))

    assert problems() == [f"Brand-A (brand-a): {item} is not as change event {event} recorded it."]


def test_a_backend_that_was_removed_or_added_is_named(
    connected: OfficialAccount, brand_b: OfficialAccount
) -> None:
    Backend.objects.update(account=brand_b)
    event = ChangeEvent.objects.get(action=Action.BACKEND_SET).pk

    assert problems() == [
        f"Brand-A (brand-a): the backend is missing, but change event {event} has it.",
        "Brand-B (brand-b): the backend is there, but no change event has added it.",
    ]


class TestWholeAccounts:
    def test_one_that_was_added_is_named(self, db: None) -> None:
        OfficialAccount.objects.create(name="Evil", slug="evil")

        assert problems() == ["Evil (evil) is in no change event: it was added in the database."]

    def test_one_that_was_deleted_is_named(self, brand_a: OfficialAccount) -> None:
        with triggers_off(OfficialAccount, Token):
            Token.objects.all().delete()
            OfficialAccount.objects.all()._raw_delete(connection.alias)

        assert problems() == [
            f"Account {brand_a.pk} is missing: it was deleted in the database, and no change event "
            "says so."
        ]

    def test_one_that_came_back_is_named(self, li_wei_at_work: Any) -> None:
        account = make_account("gone")
        row = OfficialAccount.objects.get()
        url = f"/admin/verification/officialaccount/{account.pk}/delete/"
        assert li_wei_at_work.post(url, {"post": "yes"}).status_code == 302
        assert problems() == []
        deletion = ChangeEvent.objects.get(action=Action.ACCOUNT_DELETED).pk
        row.save(force_insert=True)

        assert problems() == [
            f"Gone (gone) exists, but change event {deletion} says that it was deleted."
        ]


def test_one_that_was_added_again_under_its_number_is_as_recorded(db: None) -> None:
    """A sequence goes back with a part of a backup, for example."""
    account = OfficialAccount.objects.create(name="Brand A", slug="brand-a")
    number = account.pk
    account.delete()
    change_log.record(Action.ACCOUNT_DELETED, LI_WEI, changed_accounts=[number])
    account = OfficialAccount.objects.create(pk=number, name="Brand A", slug="brand-a")
    change_log.record(Action.ACCOUNT_CREATED, LI_WEI, account)

    assert verify_audit().problems == []


@pytest.mark.parametrize(
    "repair",
    [
        lambda account: rotate_token(account, "NextTokenOfBrandA9", LI_WEI),
        lambda account: retire(account.tokens.get(superseded_at__isnull=False), LI_WEI),
    ],
)
def test_correcting_an_account_in_the_admin_ends_the_problem(
    brand_a: OfficialAccount, repair: Callable[[OfficialAccount], Any]
) -> None:
    rotate_token(brand_a, NEW, LI_WEI)
    Token.objects.filter(superseded_at__isnull=False).update(created_by="x")
    assert len(problems()) == 1
    repair(brand_a)

    assert problems() == []


def test_no_secret_is_in_what_is_recorded_of_accounts(connected: OfficialAccount) -> None:
    recorded = f"{list(ChangeEvent.objects.values_list('account_digests', flat=True))}"
    rows: list[Any] = [*Token.objects.all(), *AESKey.objects.all(), *Backend.objects.all()]
    ciphertexts = [row.secret.ciphertext for row in rows]

    assert "backend" in recorded
    for text in (A, AES_KEY, "crm.example.cn", *ciphertexts):
        assert text not in recorded


@pytest.mark.postgresql
@pytest.mark.parametrize("model", [OfficialAccount, Token])
def test_a_row_that_is_there_twice_is_named(brand_a: OfficialAccount, model: Any) -> None:
    """One of them may be altered, and a query may find either."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE two ON COMMIT DROP AS SELECT * FROM {table}")
        cursor.execute(f"INSERT INTO two SELECT * FROM {table}")
        cursor.execute(f"ALTER TABLE two RENAME TO {table}")
        cursor.execute("SET LOCAL search_path = pg_temp, public")

    assert model.objects.count() == 2
    assert problems() != []
