"""Causes that are hard to tell apart; test_every_cause.py has a request for each cause."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test import Client
from django.utils import translation

from verification.accounts.pausing import pause, resume
from verification.accounts.rotation import retire
from verification.accounts.tokens import rotate_token
from verification.change_log import Actor
from verification.diagnosis import Explanation, StoredData, explain
from verification.models import OfficialAccount, VerificationAttempt
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, B, last_attempt
from verification.tests.support.admin_client import we_test
from verification.tests.support.signer import verification

NEW = "NewTokenOfBrandA99"
HOUR = timedelta(hours=1)
Diagnose = Callable[[str], Explanation]


@pytest.fixture
def diagnose(client: Client, brand_a: OfficialAccount) -> Diagnose:
    """Send a request as WeChat does, and explain the recorded attempt."""

    def send_and_explain(target: str) -> Explanation:
        client.get(target, headers={"User-Agent": "Mozilla/4.0"})
        return explain(last_attempt())

    return send_and_explain


def test_the_token_of_another_account_is_named(
    diagnose: Diagnose, brand_b: OfficialAccount
) -> None:
    explanation = diagnose(f"/wechat/brand-a?{verification(B)}")

    assert explanation.cause == "token_of_another_account"
    assert "the token of “Brand-B”, but the URL belongs to “Brand-A”" in explanation.what_happened
    assert [account.slug for account in explanation.accounts] == ["brand-a", "brand-b"]


@pytest.mark.parametrize("slug", ["brand-aa", "brandA", "Brand-A", "brand_a"])
def test_an_unknown_path_names_the_nearest(diagnose: Diagnose, slug: str) -> None:
    explanation = diagnose(f"/wechat/{slug}?{verification('Nonsense')}")

    assert explanation.cause == "path_unknown"
    assert "The nearest is “/wechat/brand-a” of “Brand-A”." in explanation.what_happened


@pytest.mark.parametrize("path", ["/WeChat/brand-a", "/brand-a", "/api/wechat//brand-a"])
def test_an_address_without_wechat_names_the_whole_path(diagnose: Diagnose, path: str) -> None:
    explanation = diagnose(f"{path}?{verification('Nonsense')}")

    assert explanation.cause == "path_unknown"
    assert f"“{path}”. The nearest is “/wechat/brand-a”" in explanation.what_happened
    assert f"“{path}”, but" in diagnose(f"{path}?{verification(A)}").what_happened


def test_an_account_that_was_added_later_is_named(diagnose: Diagnose) -> None:
    diagnose(f"/wechat/outlet?{verification(NEW)}")
    make_account("outlet", NEW)
    explanation = explain(last_attempt())

    assert "“/wechat/outlet” then; “Outlet” was added since." in explanation.what_happened
    assert explanation.what_to_do == "Press Submit (提交) again."


def test_the_bare_domain_is_named_where_no_account_accepts_calls(diagnose: Diagnose) -> None:
    OfficialAccount.objects.update(answers_at_root=False)
    explanation = diagnose(f"/?{verification('Nonsense')}")

    assert explanation.what_happened == (
        "No account accepted calls at the bare domain. The signature matches no token that is "
        "stored here."
    )
    assert "/wechat/" not in explanation.full_text


@pytest.mark.parametrize("is_another_there", [True, False])
def test_an_account_that_does_not_accept_calls_at_the_bare_domain_is_named(
    diagnose: Diagnose, is_another_there: bool
) -> None:
    OfficialAccount.objects.update(answers_at_root=is_another_there)
    make_account("brand-b", B, answers_at_root=False)
    explanation = diagnose(f"/?{verification(B)}")

    assert explanation.cause == "account_not_at_root"
    assert "the token of “Brand-B”, which does not accept calls there" in explanation.what_happened
    assert "/wechat/brand-b" in explanation.what_to_do


def test_an_account_that_has_since_begun_to_accept_calls_at_the_bare_domain_is_recognised(
    diagnose: Diagnose,
) -> None:
    OfficialAccount.objects.update(answers_at_root=False)
    diagnose(f"/?{verification(A)}")
    OfficialAccount.objects.update(answers_at_root=True)

    assert explain(last_attempt()).cause == "token_fits_today"


def test_a_path_unlike_every_other_has_no_nearest_one(diagnose: Diagnose) -> None:
    assert "nearest" not in diagnose(f"/wechat/xyz?{verification('Nonsense')}").what_happened


def test_the_token_decides_which_account_a_mistyped_path_means(
    diagnose: Diagnose, brand_b: OfficialAccount
) -> None:
    explanation = diagnose(f"/wechat/brand-aa?{verification(B)}")

    assert explanation.cause == "path_mistyped"
    assert [account.slug for account in explanation.accounts] == ["brand-b", "brand-a"]
    assert "The nearest address is that of “Brand-A”, so decide" in explanation.what_happened


def test_a_later_pause_is_not_blamed(diagnose: Diagnose, brand_a: OfficialAccount) -> None:
    pause(brand_a, LI_WEI)
    diagnose(f"/wechat/brand-a?{verification(A)}")
    resume(brand_a, LI_WEI)
    pause(brand_a, Actor("wang.fang"))

    assert "paused by li.wei on 20" in explain(last_attempt()).what_happened


def test_a_pause_of_another_account_is_not_blamed(
    diagnose: Diagnose, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    pause(brand_a, LI_WEI)
    pause(brand_b, Actor("wang.fang"))

    assert "paused by li.wei" in diagnose(f"/wechat/brand-a?{verification(A)}").what_happened


def test_an_account_without_a_token_is_explained(diagnose: Diagnose, db: None) -> None:
    make_account("empty")

    assert diagnose(f"/wechat/empty?{verification(NEW)}").cause == "no_token_yet"
    rotate_token(OfficialAccount.objects.get(slug="empty"), NEW, actor=LI_WEI)
    assert explain(last_attempt()).cause == "token_since_added"


def test_a_browser_lacks_all_parameters(client: Client, brand_a: OfficialAccount) -> None:
    client.get("/wechat/brand-a", headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"})
    explanation = explain(last_attempt())

    assert explanation.cause == "parameters_missing"
    assert "without signature, timestamp, nonce, echostr" in explanation.what_happened


def test_a_token_that_was_added_later_is_recognised(
    diagnose: Diagnose, brand_a: OfficialAccount
) -> None:
    assert diagnose(f"/wechat/brand-a?{verification(NEW)}").cause == "token_unknown"
    rotate_token(brand_a, NEW, LI_WEI)

    assert explain(last_attempt()).cause == "token_since_added"


def test_a_token_that_was_added_later_and_retired_since_needs_the_current_one(
    diagnose: Diagnose, brand_a: OfficialAccount
) -> None:
    diagnose(f"/wechat/brand-a?{verification(NEW)}")
    rotate_token(brand_a, NEW, LI_WEI)
    rotate_token(brand_a, f"{NEW}8", LI_WEI, keep_old=timedelta(0))

    assert explain(last_attempt()).what_to_do.startswith("Paste the current token")


def test_an_unknown_token_is_the_last_resort(diagnose: Diagnose) -> None:
    assert diagnose(f"/wechat/brand-a?{verification('Nonsense')}").cause == "token_unknown"
    assert diagnose(f"/?{verification('Nonsense')}").cause == "token_unknown"


def test_an_accepted_attempt_names_its_token(diagnose: Diagnose, brand_a: OfficialAccount) -> None:
    explanation = diagnose(f"/wechat/brand-a?{verification(A)}")

    assert explanation.cause == "accepted"
    assert f"current token {brand_a.tokens.get().fingerprint}" in explanation.what_happened
    assert "press Enable (启用)" in explanation.what_to_do


def test_the_previous_token_is_not_mistaken_for_the_current_one(
    diagnose: Diagnose, brand_a: OfficialAccount
) -> None:
    rotate_token(brand_a, NEW, LI_WEI)
    explanation = diagnose(f"/wechat/brand-a?{verification(A)}")
    attempt = last_attempt()
    assert explanation.summary == "accepted, previous token"
    assert "previous token" in explanation.what_happened
    assert explanation.what_to_do.startswith("Paste the current token")

    diagnose(f"/wechat/brand-a?{verification(NEW)}")
    assert explain(attempt).what_to_do.startswith("Nothing to do: WeChat has used the current")


def test_a_self_test_does_not_suggest_enabling_the_server(brand_a: OfficialAccount) -> None:
    we_test(brand_a, A)

    assert explain(last_attempt()).what_to_do == "Nothing to do: this server called itself."


EMPTY = {"signature": hashlib.sha1().hexdigest()}


@pytest.mark.parametrize(
    "query",
    [
        urlencode(EMPTY),
        urlencode({**EMPTY, "timestamp": "", "nonce": "", "echostr": "pwned"}),
        verification(""),
        verification("").removesuffix("&echostr=4375120948345356249"),
    ],
)
@pytest.mark.parametrize("path", ["/wechat/brand-a", "/wechat/nobody", "/"])
def test_an_empty_token_is_recognised_at_every_path(
    diagnose: Diagnose, path: str, query: str
) -> None:
    assert diagnose(f"{path}?{query}").cause == "signed_with_empty_token"


@pytest.mark.parametrize(
    ("keep_old", "words"),
    [
        (None, "stays valid until 24 hours after WeChat first uses the current"),
        (HOUR, "is valid until 20"),
    ],
)
def test_the_explanation_says_how_long_the_previous_token_is_valid(
    diagnose: Diagnose, brand_a: OfficialAccount, keep_old: timedelta | None, words: str
) -> None:
    rotate_token(brand_a, NEW, LI_WEI, keep_old=keep_old)

    assert words in diagnose(f"/wechat/brand-a?{verification(A)}").what_happened
    retire(brand_a.tokens.get(superseded_at__isnull=False), LI_WEI)
    assert "was valid until 20" in explain(last_attempt()).what_happened


def test_many_attempts_share_the_stored_data(
    diagnose: Diagnose, django_assert_max_num_queries: Callable[..., object]
) -> None:
    for number in range(10):
        diagnose(f"/wechat/brand-a?{verification('Nonsense', nonce=str(number))}")
    attempts = list(VerificationAttempt.objects.select_related("account"))
    stored = StoredData()

    # Tokens, accounts and EncodingAESKeys are read once.
    with django_assert_max_num_queries(3):  # type: ignore[attr-defined]
        assert {explain(attempt, stored).cause for attempt in attempts} == {"token_unknown"}


def test_chinese_readers_get_chinese_sentences(
    diagnose: Diagnose, brand_b: OfficialAccount
) -> None:
    with translation.override("zh-hans"):
        explanation = diagnose(f"/wechat/brand-a?{verification(B)}")

    assert explanation.what_happened == "该请求用的是“Brand-B”的令牌，地址却属于“Brand-A”。"
