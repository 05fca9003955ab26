"""More than one thing is wrong at once, or more than one account is concerned: all is said."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.test import Client

from verification import change_log
from verification.accounts.pausing import pause
from verification.accounts.tokens import rotate_token
from verification.change_log import Actor
from verification.diagnosis import explain
from verification.models import ChangeEvent, OfficialAccount
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import last_attempt
from verification.tests.support.company import MALL, OUTLET, SHARED, call, call_with, found_company
from verification.tests.support.lost_keys import lose_key
from verification.tests.support.signer import verification


@pytest.fixture(autouse=True)
def company(db: None) -> None:
    found_company()


def account(slug: str) -> OfficialAccount:
    return OfficialAccount.objects.get(slug=slug)


@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("NobodyKnowsThis1", "Also: the signature matches no token that is stored here."),
        (OUTLET, "Also: this was signed with the token of “Harbor Outlet”."),
        (MALL[:-1], "the token of “City Mall”, but with characters missing"),
    ],
)
def test_a_paused_account_with_a_wrong_token_is_told_both(token: str, words: str) -> None:
    pause(account("city-mall"), LI_WEI)
    explanation = call_with(token)

    assert "“City Mall” was paused by li.wei on 20" in explanation.what_happened
    assert words in explanation.what_happened
    assert (
        "the console, or the script that sent this, must have the account's"
        in explanation.what_to_do
    )


def test_a_paused_account_with_the_right_token_is_only_paused() -> None:
    pause(account("city-mall"), LI_WEI)
    explanation = call_with(MALL)

    assert explanation.summary == "paused account"
    assert "Also" not in explanation.what_happened


def test_an_account_without_a_token_is_told_whose_token_came() -> None:
    make_account("travel-club")
    explanation = call_with(OUTLET, "/wechat/travel-club")

    assert "“Travel-Club” had no token" in explanation.what_happened
    assert "signed with the token of “Harbor Outlet”" in explanation.what_happened


def test_both_accounts_of_a_shared_token_are_named() -> None:
    explanation = call_with(SHARED)

    assert "the token of “Book Shop” · “Tea House”, but the URL" in explanation.what_happened
    assert "share one token: give each its own" in explanation.what_to_do
    assert {account.slug for account in explanation.accounts} == {
        *("city-mall", "tea-house", "book-shop")
    }


@pytest.mark.parametrize(("token", "path"), [(SHARED, "/wechat/tea-hous"), (SHARED[:-1], "/")])
def test_both_accounts_are_named_elsewhere_too(token: str, path: str) -> None:
    assert "“Book Shop” · “Tea House”" in call_with(token, path).what_happened


@pytest.fixture
def sixty_shops(company: None) -> None:
    for number in range(60):
        make_account(f"shop-{number}", f"TokenOfShopNumber{number:03}")


def test_an_account_beyond_the_limit_at_the_bare_domain_is_not_sent_round(
    sixty_shops: None,
) -> None:
    explanation = call_with("TokenOfShopNumber059", "/")

    assert "More than 50 accounts accept calls there" in explanation.what_happened
    assert "/wechat/shop-59 into the console" in explanation.what_to_do


def test_one_of_the_first_fifty_is_accepted(sixty_shops: None) -> None:
    assert call_with("TokenOfShopNumber003", "/").cause == "accepted"


def test_the_address_of_a_deleted_account_names_it_and_no_other() -> None:
    change_log.record(
        ChangeEvent.Action.ACCOUNT_DELETED, Actor("wang.fang"), name="City Mail", slug="city-mail"
    )
    explanation = call_with("GoneBrandToken77", "/wechat/city-mail")

    assert explanation.cause == "path_of_former_slug"
    assert "“City Mail” had the address" in explanation.what_happened
    assert "until wang.fang deleted the account on 20" in explanation.what_happened
    assert "City Mall" not in explanation.full_text


def test_the_former_address_of_an_account_names_the_new_one() -> None:
    mall = account("city-mall")
    change_log.record(
        ChangeEvent.Action.ACCOUNT_CHANGED, LI_WEI, mall, changes={"slug": ["mall", "city-mall"]}
    )
    explanation = call_with("Nonsense1", "/wechat/mall")

    assert "“City Mall” had the address “/wechat/mall” until li.wei" in explanation.what_happened
    assert "/wechat/city-mall now" in explanation.what_to_do


def test_of_two_equally_near_addresses_none_is_suggested() -> None:
    make_account("brand-a")
    make_account("brand-b")

    assert "nearest" not in call_with("Nonsense1", "/wechat/brand-c").what_happened


@pytest.mark.parametrize("path", ["//wechat//city-mall", "/WeChat/city-mall", "/city-mall"])
def test_a_wrong_prefix_or_slash_names_the_right_address(path: str) -> None:
    explanation = call_with(MALL, path)

    assert explanation.cause == "path_mistyped"
    assert "whose address is “/wechat/city-mall”" in explanation.what_happened


def test_a_space_after_the_slug_is_shown_and_named() -> None:
    explanation = call_with(MALL, "/wechat/city-mall%20")

    assert "No account has the address “/wechat/city-mall%20”" in explanation.what_happened
    assert "It has a space, shown as %20" in explanation.what_happened
    assert "a space, shown" not in call_with(MALL, "/wechat/city-mal").what_happened


@pytest.mark.parametrize("agent", ["Mozilla/4.0", "curl/8.5.0"])
def test_a_retired_token_of_another_account_is_not_advised_with_its_server_url(agent: str) -> None:
    rotate_token(account("harbor-outlet"), "NewOutletToken2027", LI_WEI, keep_old=timedelta(0))
    explanation = call_with(OUTLET, agent=agent, timestamp=str(int(time.time())))

    assert explanation.cause == "token_of_another_account"
    assert "a token of “Harbor Outlet” that is retired now" in explanation.what_happened
    assert explanation.what_to_do == (
        "Put the current token of “City Mall” into that console, or into the script that sent "
        "this. If “Harbor Outlet” was meant, use the server URL and the current token of that "
        "account."
    )


def test_of_two_accounts_with_one_token_only_the_one_that_still_has_it_is_named() -> None:
    rotate_token(account("tea-house"), "NewTeaHouseToken27", LI_WEI, keep_old=timedelta(0))
    explanation = call_with(SHARED)

    assert "the token of “Book Shop”, but the URL belongs to “City Mall”" in (
        explanation.what_happened
    )
    assert "the server URL of “Book Shop” into that console" in explanation.what_to_do
    assert "Tea House" not in explanation.full_text


def test_a_mistyped_path_with_a_retired_token_is_told_both() -> None:
    rotate_token(account("harbor-outlet"), "NewOutletToken2027", LI_WEI, keep_old=timedelta(0))
    explanation = call_with(OUTLET, "/wechat/harbor-outlt")

    assert "The nearest is “/wechat/harbor-outlet” of “Harbor Outlet”." in explanation.what_happened
    assert "the token of “Harbor Outlet” that was retired on 20" in explanation.what_happened


def test_a_mistyped_path_near_an_account_without_a_token_is_told_both() -> None:
    make_account("travel-club")
    explanation = call_with("MadeUpByOperator1", "/wechat/travel_club")

    assert "The nearest is “/wechat/travel-club” of “Travel-Club”." in explanation.what_happened
    assert "“Travel-Club” has no token yet: generate one" in explanation.what_happened
    assert "The signature matches no token that is stored here." in explanation.what_happened


@pytest.mark.parametrize(
    "path",
    ["/wechat/wx1f0a5b3c7d9e2468", "/wechat/WX1F0A5B3C7D9E2468", "/wechat/city-mall/callback"],
)
def test_an_app_id_or_slug_in_a_path_names_the_account(path: str) -> None:
    explanation = call_with("NobodyKnowsThis1", path)

    assert "The nearest is “/wechat/city-mall” of “City Mall”." in explanation.what_happened


def test_an_account_that_was_never_added_is_told_to_be_added() -> None:
    explanation = call_with("NobodyKnowsThis1", "/wechat/brand-x")

    assert "The signature matches no token that is stored here." in explanation.what_happened
    assert "If that account is not here, add it, with the token" in explanation.what_to_do


@pytest.mark.parametrize("token", [OUTLET, OUTLET[:-1]])
def test_a_path_near_one_account_with_the_token_of_another_names_both(token: str) -> None:
    explanation = call_with(token, "/wechat/CITY-MALL")

    assert "the token of “Harbor Outlet”" in explanation.what_happened
    assert "“City Mall”" in explanation.what_happened


def test_a_lost_key_of_another_account_is_told_where_its_token_may_be_meant() -> None:
    lose_key(account("harbor-outlet"))
    explanation = call_with(OUTLET)

    assert explanation.cause == "token_unknown"
    assert "cannot decrypt the token of “Harbor Outlet”" in explanation.what_happened


def test_a_signed_request_with_another_method_is_no_scanner() -> None:
    Client().put(f"/wechat/city-mall?{verification(MALL)}")
    explanation = explain(last_attempt())

    assert explanation.cause == "method_not_allowed"
    assert not explanation.is_harmless
    assert "let it use GET" in explanation.what_to_do


def test_a_script_that_has_not_read_its_token_is_not_told_that_nothing_is_to_do() -> None:
    explanation = call(query=verification(""))

    assert explanation.cause == "signed_with_empty_token"
    assert explanation.what_to_do.startswith("If a script or tool of yours sent it")
