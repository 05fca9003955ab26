"""A token that cannot be decrypted is never explained as a wrong token."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import translation

from verification.accounts.tokens import rotate_token
from verification.diagnosis import Explanation, explain
from verification.models import OfficialAccount
from verification.protocol.enums import Reason
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, B, last_attempt
from verification.tests.support.lost_keys import lose_key, without_key
from verification.tests.support.signer import verification

NEW = "NewTokenOfBrandA99"
WECHAT = Client(headers={"User-Agent": "Mozilla/4.0"})


def explain_call(target: str) -> Explanation:
    WECHAT.get(target)
    return explain(last_attempt())


def test_while_the_key_is_missing_the_request_may_be_right(brand_a: OfficialAccount) -> None:
    lose_key(brand_a)
    explanation = explain_call(f"/wechat/brand-a?{verification(A)}")

    assert explanation.full_text == (
        "This server cannot decrypt the token of “Brand-A”, because TOKEN_ENCRYPTION_KEYS lacks "
        "the key that encrypted it. The request may be right. Put the key that encrypted it "
        "back behind the newest one in TOKEN_ENCRYPTION_KEYS, keep the keys that are there, and "
        "restart all processes. Change nothing in the console."
    )
    assert explanation.summary == "encryption key missing"


def test_in_chinese_it_names_the_variable_too(brand_a: OfficialAccount) -> None:
    lose_key(brand_a)
    with translation.override("zh-hans"):
        explanation = explain_call(f"/wechat/brand-a?{verification(A)}")

    assert "TOKEN_ENCRYPTION_KEYS" in explanation.what_happened
    assert "TOKEN_ENCRYPTION_KEYS" in explanation.what_to_do


def test_once_the_key_is_back_a_right_request_is_known_to_be_right(
    brand_a: OfficialAccount,
) -> None:
    with without_key(brand_a):
        assert explain_call(f"/wechat/brand-a?{verification(A)}").cause == "key_missing"

    assert explain(last_attempt()).cause == "key_was_missing"


def test_it_stays_known_after_that_token_was_retired(brand_a: OfficialAccount) -> None:
    with without_key(brand_a):
        WECHAT.get(f"/wechat/brand-a?{verification(A)}")
    rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(0))

    assert explain(last_attempt()).cause == "key_was_missing"


def test_once_the_key_is_back_a_wrong_request_is_known_to_be_wrong(
    brand_a: OfficialAccount,
) -> None:
    with without_key(brand_a):
        WECHAT.get(f"/wechat/brand-a?{verification('Nonsense')}")

    assert last_attempt().reason == Reason.UNDECRYPTABLE_TOKEN
    assert explain(last_attempt()).cause == "token_unknown"


def test_another_accounts_token_is_recognised_all_the_same(
    brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    lose_key(brand_a)
    explanation = explain_call(f"/wechat/brand-a?{verification(B)}")

    assert explanation.cause == "token_of_another_account"


def test_a_mismatch_from_before_is_not_explained_by_guessing(brand_a: OfficialAccount) -> None:
    WECHAT.get(f"/wechat/brand-a?{verification('Nonsense')}")
    lose_key(brand_a)
    explanation = explain(last_attempt())

    assert last_attempt().reason == Reason.SIGNATURE_MISMATCH
    assert explanation.cause == "key_missing"
    assert explanation.what_happened.endswith("encrypted it. So the cause cannot be found now.")


def test_a_former_token_without_its_key_is_not_said_to_be_compared(
    brand_a: OfficialAccount,
) -> None:
    lose_key(brand_a)
    rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(0))
    explanation = explain_call(f"/wechat/brand-a?{verification('Nonsense')}")

    assert explanation.cause == "token_unknown"
    assert "matches no token that this server can decrypt" in explanation.what_happened
    assert "never been stored" not in explanation.what_happened
    assert "To compare “Brand-A” as well: Put the key" in explanation.what_to_do


@pytest.mark.parametrize("signed_with", [A, A[:-1], B])
def test_the_lost_key_is_named_beside_what_is_wrong_with_the_token(
    brand_a: OfficialAccount, brand_b: OfficialAccount, signed_with: str
) -> None:
    """The current token cannot be decrypted, and WeChat signs with another one."""
    rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(0))
    lose_key(brand_a, superseded_at=None)
    explanation = explain_call(f"/wechat/brand-a?{verification(signed_with)}")

    assert "cannot decrypt the token of “Brand-A”" in explanation.what_happened
    assert explanation.what_to_do.startswith("Put the key that encrypted it back behind")
    assert explanation.cause in {"token_retired", "token_mistyped", "token_of_another_account"}


def test_the_lost_key_of_another_account_is_named_where_no_token_fits(
    brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    lose_key(brand_b)
    explanation = explain_call(f"/wechat/brand-a?{verification(B)}")

    assert explanation.what_happened.startswith(
        "The signature matches no token that this server can decrypt."
    )
    assert "To compare “Brand-B” as well: Put the key" in explanation.what_to_do
    assert "into Token (令牌) in its console" in explanation.what_to_do


@pytest.mark.parametrize(
    ("count", "named"),
    [(2, "“Shop-0” · “Shop-1”,"), (4, "“Shop-0” · “Shop-1” · “Shop-2” and 1 other,")],
)
def test_at_the_bare_domain_the_accounts_are_named(db: None, count: int, named: str) -> None:
    for number in range(count):
        lose_key(make_account(f"shop-{number}", f"TokenOfShopNumber{number}"))
    explanation = explain_call(f"/?{verification('Nonsense')}")

    assert f"cannot decrypt the tokens of {named} because" in explanation.what_happened
    assert len(explanation.accounts) == count


def test_a_probe_with_an_empty_token_stays_harmless(brand_a: OfficialAccount) -> None:
    lose_key(brand_a)

    for path in ("/wechat/brand-a", "/"):
        assert explain_call(f"{path}?{verification('')}").cause == "signed_with_empty_token"
