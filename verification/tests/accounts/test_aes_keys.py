"""Which EncodingAESKeys and AppIDs an account can have."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from verification.accounts.aes_keys import (
    LAST_CHARACTERS,
    generate_aes_key,
    rotate_aes_key,
)
from verification.accounts.creation import create_account
from verification.accounts.editing import save_changes
from verification.accounts.facts import read_facts
from verification.accounts.rotation import retire, reveal
from verification.models import AESKey, OfficialAccount
from verification.protocol.encryption import decode_aes_key
from verification.protocol.enums import Platform
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import Action, actions, last_event
from verification.tests.support.messages import AES_KEY, APP_ID, OTHER_AES_KEY
from verification.tests.support.wecom import CORP_ID, make_wecom_app


@pytest.fixture
def account(brand_a: OfficialAccount) -> OfficialAccount:
    brand_a.app_id = APP_ID
    brand_a.save()
    return brand_a


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (f" {AES_KEY}", "has a space or line break in it; remove it."),
        (f"{AES_KEY}\n", "has a space or line break in it; remove it."),
        (f"{AES_KEY}=", "Leave out the “=” at the end"),
        ("TokenOfBrandA1234", "This is too short, and may be a token."),
        ("", "This is too short, and may be a token."),
        ("0123456789abcdef" * 2, "This looks like an AppSecret, which this server never needs."),
        (AES_KEY[:-1], "An EncodingAESKey has 43 letters and digits, nothing else."),
        (f"{AES_KEY[:-1]}_", "This looks like a Secret of WeCom, which this server never needs."),
        (f"{AES_KEY}a", "An EncodingAESKey has 43 letters and digits, nothing else."),
        (f"{AES_KEY[:-1]}+", "An EncodingAESKey has 43 letters and digits, nothing else."),
        (f"{AES_KEY[:-1]}٣", "An EncodingAESKey has 43 letters and digits, nothing else."),
    ],
)
def test_what_cannot_be_a_key_is_refused_in_a_sentence(
    account: OfficialAccount, text: str, sentence: str
) -> None:
    with pytest.raises(ValidationError) as refusal:
        rotate_aes_key(account, text, LI_WEI)

    assert sentence in refusal.value.messages[0]
    assert AES_KEY not in str(refusal.value)
    assert not AESKey.objects.exists()


def test_generated_keys_are_accepted_by_strict_libraries(account: OfficialAccount) -> None:
    keys = {generate_aes_key() for _ in range(200)}

    assert len(keys) == 200
    assert {key[-1] for key in keys} <= set(LAST_CHARACTERS)
    for key in keys:
        # The 43rd character holds four bits of the key, and two that must be zero.
        assert len(decode_aes_key(key)) == 32
        assert (
            not "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789".index(key[-1]) % 4
        )
    rotate_aes_key(account, keys.pop(), LI_WEI)


def test_a_key_without_an_app_id_is_of_no_use_and_refused(brand_a: OfficialAccount) -> None:
    with pytest.raises(ValidationError, match="Enter the AppID as well"):
        rotate_aes_key(brand_a, AES_KEY, LI_WEI)


def test_the_app_id_is_stored_with_the_key_and_its_change_is_on_record(
    brand_a: OfficialAccount,
) -> None:
    key = rotate_aes_key(brand_a, AES_KEY, LI_WEI, app_id=APP_ID)
    brand_a.refresh_from_db()

    assert brand_a.app_id == APP_ID
    assert actions()[-2:] == [Action.ACCOUNT_CHANGED, Action.AES_KEY_CREATED]
    assert last_event().token_fingerprint == key.fingerprint


def test_a_key_is_not_accused_of_what_came_before_the_app_id_was_corrected(
    account: OfficialAccount,
) -> None:
    rotate_aes_key(account, AES_KEY, LI_WEI, app_id="wx0123456789abcdef")
    AESKey.objects.update(failed_at=timezone.now())
    account.app_id = APP_ID
    save_changes(account, ["app_id"], LI_WEI)

    assert AESKey.objects.get().failed_at is None


def test_a_key_that_is_refused_does_not_change_the_app_id(account: OfficialAccount) -> None:
    rotate_aes_key(account, AES_KEY, LI_WEI)
    with pytest.raises(ValidationError, match="This is the current EncodingAESKey already."):
        rotate_aes_key(account, AES_KEY, LI_WEI, app_id="wx0123456789abcdef")

    assert OfficialAccount.objects.get().app_id == APP_ID


def test_a_wecom_app_is_not_created_without_a_key(db: None) -> None:
    app = OfficialAccount(slug="app", name="App", platform=Platform.WECOM.value, app_id=CORP_ID)
    with pytest.raises(ValidationError):
        create_account(app, A, LI_WEI)

    assert not OfficialAccount.objects.exists()


def test_revealing_and_retiring_are_on_record(account: OfficialAccount) -> None:
    old = rotate_aes_key(account, AES_KEY, LI_WEI)
    rotate_aes_key(account, OTHER_AES_KEY, LI_WEI)
    old.refresh_from_db()

    assert reveal(old, LI_WEI) == AES_KEY
    retire(old, LI_WEI)
    with pytest.raises(ValidationError, match="not a previous EncodingAESKey that is still valid"):
        retire(old, LI_WEI)
    assert actions()[-3:] == [
        Action.AES_KEY_ROTATED,
        Action.AES_KEY_REVEALED,
        Action.AES_KEY_RETIRED,
    ]


def test_no_event_holds_the_key(account: OfficialAccount) -> None:
    rotate_aes_key(account, AES_KEY, LI_WEI)
    event = last_event()

    assert AES_KEY not in f"{event.facts}{event.detail}"


def test_a_wecom_app_cannot_be_without_a_key(db: None) -> None:
    account = make_wecom_app("wecom", A)
    [current] = account.aes_keys.all()
    with pytest.raises(ValidationError, match="This is the current EncodingAESKey, which the"):
        retire(current, LI_WEI)
    rotate_aes_key(account, OTHER_AES_KEY, LI_WEI)
    current.refresh_from_db()
    retire(current, LI_WEI)

    assert account.aes_keys.live_at(timezone.now()).count() == 1


def test_a_key_of_a_wecom_app_needs_its_corp_id(db: None) -> None:
    account = make_wecom_app("wecom", A, key="", corp_id="")
    with pytest.raises(ValidationError, match="Enter the CorpID as well"):
        rotate_aes_key(account, AES_KEY, LI_WEI)
    with pytest.raises(ValidationError, match="This is an AgentId"):
        rotate_aes_key(account, AES_KEY, LI_WEI, app_id="1000002")
    rotate_aes_key(account, AES_KEY, LI_WEI, app_id=CORP_ID)


def test_a_new_key_is_not_accused_while_the_console_has_the_previous_one(
    account: OfficialAccount,
) -> None:
    rotate_aes_key(account, AES_KEY, LI_WEI)
    AESKey.objects.update(first_used_at=timezone.now())
    rotate_aes_key(account, OTHER_AES_KEY, LI_WEI)
    AESKey.objects.filter(superseded_at=None).update(failed_at=timezone.now())

    assert not read_facts([account], timezone.now())[account.pk].has_unfit_key
    AESKey.objects.filter(superseded_at__isnull=False).update(expires_at=timezone.now())
    assert read_facts([account], timezone.now())[account.pk].has_unfit_key
