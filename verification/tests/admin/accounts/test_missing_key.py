"""The pages of an account name the encryption key when its token cannot be decrypted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from verification.accounts.levels import Level
from verification.accounts.status import read_statuses
from verification.accounts.tokens import rotate_token
from verification.models import OfficialAccount
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A, last_attempt
from verification.tests.support.admin_client import (
    is_card_open,
    open_account,
    open_list,
    page,
    state_of,
    wechat_pushes,
    wechat_verifies,
)
from verification.tests.support.backend import set_backend
from verification.tests.support.lost_keys import LOST_KEY, lose_key, without_key
from verification.tests.support.messages import AES_KEY, store_aes_key

SENTENCE = "The token cannot be decrypted: its key is missing in TOKEN_ENCRYPTION_KEYS"
REMEDY = "Put the key that encrypted it back behind the newest one in TOKEN_ENCRYPTION_KEYS"


def status_text(account: OfficialAccount) -> tuple[Level, str]:
    status = read_statuses([account])[account.pk]
    return status.level, status.text


def test_the_list_names_the_key_before_wechat_calls(
    li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    lose_key(brand_a)

    assert status_text(brand_a) == (Level.FAILING, SENTENCE)
    assert SENTENCE in open_list(li_wei_at_work)


def test_an_account_that_worked_needs_attention_until_the_key_is_back(
    brand_a: OfficialAccount,
) -> None:
    wechat_verifies(brand_a, A)
    wechat_pushes(brand_a, A)
    with without_key(brand_a):
        wechat_pushes(brand_a, A)
        assert status_text(brand_a) == (Level.FAILING, SENTENCE)

    assert status_text(brand_a) == (Level.FAILING, "Refused: encryption key was missing")
    wechat_pushes(brand_a, A)
    assert status_text(brand_a)[0] is Level.RECEIVING


def test_an_old_token_that_wechat_may_still_use_is_told_from_the_current_one(
    brand_a: OfficialAccount,
) -> None:
    lose_key(brand_a)
    rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI)
    assert status_text(brand_a)[1].startswith("The old token cannot be decrypted: its key is")

    brand_a.tokens.filter(superseded_at__isnull=False).delete()
    assert status_text(brand_a)[0] is Level.WAITING


def test_a_rotation_that_ends_the_old_token_ends_the_problem(brand_a: OfficialAccount) -> None:
    lose_key(brand_a)
    rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI, keep_old=timedelta(0))

    assert status_text(brand_a)[0] is Level.WAITING


def test_the_page_says_what_to_do_and_the_card_is_open(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    wechat_verifies(brand_a, A)
    lose_key(brand_a)
    text = open_account(li_wei_at_work, brand_a)

    assert state_of(text) == ("bad", "Failing", SENTENCE)
    assert f"<p>{REMEDY}" in text
    assert is_card_open(text)


def test_the_advice_on_the_consoles_answer_names_the_key(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    lose_key(brand_a)

    for answer in ("token", "success"):
        text = open_account(li_wei_at_work, brand_a, console=answer)
        assert "cannot decrypt the token of “Brand-A”" in text
        assert "another host answered" not in text
        assert "another server URL" not in text


def test_the_pages_of_attempts_show_the_reason(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    lose_key(brand_a)
    wechat_verifies(brand_a, A)
    detail = li_wei_at_work.get(page("verificationattempt_change", last_attempt().pk)).text
    found = li_wei_at_work.get(
        page("verificationattempt_changelist"), {"reason": "undecryptable_token"}
    )

    assert "Undecryptable token" in detail
    assert "The request may be right" in detail
    assert "encryption key missing" in found.text


@pytest.mark.parametrize("name", ["EncodingAESKey", "webhook secret"])
def test_the_list_and_readyz_name_another_secret_that_is_lost(
    li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any, name: str
) -> None:
    keys = settings.TOKEN_ENCRYPTION_KEYS
    settings.TOKEN_ENCRYPTION_KEYS = [LOST_KEY]
    if name == "EncodingAESKey":
        store_aes_key(brand_a, AES_KEY)
    else:
        set_backend(brand_a, "https://crm.example.cn/wechat")
    settings.TOKEN_ENCRYPTION_KEYS = keys

    sentence = f"The {name} cannot be decrypted: its key is missing in TOKEN_ENCRYPTION_KEYS"
    assert status_text(brand_a) == (Level.FAILING, sentence)
    assert sentence in open_list(li_wei_at_work)
    ready = Client().get("/readyz")
    assert ready.status_code == 200
    assert f"ready, but 1 of 1 {name}s cannot be decrypted. {REMEDY}" in ready.text
