"""People type and paste wrongly in known ways. Each is named, with whose token it was."""

from __future__ import annotations

import hashlib
import time
from base64 import b64encode

import pytest

from verification.diagnosis import StoredData, explain
from verification.models import OfficialAccount, VerificationAttempt
from verification.tests.support.accounts import make_account
from verification.tests.support.company import (
    MALL,
    MALL_AES_KEY,
    OLD_MALL,
    OUTLET,
    call_with,
    found_company,
)

WIDE = MALL.translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
OUTLET_PAGE = "/wechat/harbor-outlet"


@pytest.fixture(autouse=True)
def company(db: None) -> None:
    found_company()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (MALL[:-1], "characters missing"),
        (MALL[1:], "characters missing"),
        (MALL.replace("k", ""), "characters missing"),
        (MALL + MALL, "pasted more than once"),
        (MALL * 3, "pasted more than once"),
        (MALL.lower(), "upper and lower case"),
        (MALL.replace("T", "t"), "upper and lower case"),
        (MALL.replace("l", "1"), "look alike"),
        (MALL.replace("0", "O"), "look alike"),
        (MALL.replace("ke", "ek"), "two characters in the wrong order"),
        (MALL.replace("k", "kk"), "one character too many"),
        (MALL.replace("2026", "2025"), "one wrong character"),
        (WIDE, "full-width"),
        (f"{MALL} ", "space"),
        (f"\n{MALL}", "line break"),
        (f"{MALL}\r\n", "line break"),
        (f"{MALL}\t", "tab"),
        (f"\ufeff{MALL}", "byte order mark"),
        (f"{MALL}\u200b", "invisible"),
        (f"City {MALL[4:]}", "space"),
        (f"{MALL[:8]}\n{MALL[8:]}", "line break"),
        (f'"{MALL}"', "quotation marks"),
        (f"“{MALL}”", "quotation marks"),
        (f"Token: {MALL}", "label"),
        (f"令牌(Token)：{MALL}", "label"),
        (OLD_MALL + MALL, "another value before or after it"),
        ((OLD_MALL + MALL)[:32], "another value before or after it"),
        (b64encode(MALL.encode()).decode(), "base64"),
        (f'"{MALL}"\n', "quotation marks, brackets or markup and with a line break"),
        (f"{MALL}1", "one character too many"),
        (f"{MALL}!", "punctuation"),
        (f"{MALL}\n\n", "line break"),
        (f"- {MALL}", "label"),
        (f"**{MALL}**", "markup"),
        (f"<b>{MALL}</b>", "markup"),
        (f'"{MALL}",', "punctuation mark"),
        (f"token: {MALL}\n", "label copied along, such as “Token:” and with a line break"),
        (f"{MALL}wx1f0a5b3c7d9e2468", "another value before or after it, such as the AppID"),
        (f"City Mall：{MALL}", "another value before or after it"),
        (f"{MALL}\n{OLD_MALL}", "another value before or after it"),
        ("City Mall Token 2026", "space"),
        ("CityMall-Token-2026", "punctuation"),
        (f"{MALL[:6]}\u00ad{MALL[6:]}", "invisible"),
        ("CityMallToken２０２６", "full-width"),
        (f"\u0421{MALL[1:]}", "look alike"),
        (f"{MALL}\\n", "line break"),
        (f"{MALL}%20", "space"),
        (MALL.replace("ll", ""), "characters missing"),
        (MALL.replace("C", "c").replace("M", "m"), "upper and lower case"),
        (hashlib.md5(MALL.encode()).hexdigest(), "hashed"),
        (b64encode(f"{MALL}\n".encode()).decode(), "base64"),
        (MALL.replace("i", "\u0456").replace("a", "\u0430"), "another alphabet"),
        (MALL.replace("To", "\u03a4\u03bf"), "another alphabet"),
        (
            MALL.replace("T", "t").replace("6", ""),
            "mixed up and with characters missing",
        ),
        (MALL.replace("ok", "ko").replace("a", "s"), "wrong order and with one wrong character"),
        (MALL.replace("0", "O").replace("en", "ne"), "look alike, such as O and 0 and with two"),
        (MALL.replace("2026", "2019"), "two wrong digits"),
        (" ".join(MALL), "space"),
        (f"b'{MALL}'", "quotation marks"),
        (f'\\"{MALL}\\"', "quotation marks"),
        (MALL.replace("y", "Y").replace("n", "b"), "mixed up and with one wrong character"),
        (f"{MALL.lower()} ", "with upper and lower case mixed up and with a space"),
    ],
)
def test_a_slip_is_named(typed: str, words: str) -> None:
    explanation = call_with(typed)

    assert explanation.cause == "token_mistyped"
    assert "the token of “City Mall”" in explanation.what_happened
    assert words in explanation.what_happened
    assert "“City Mall”" in explanation.what_to_do


@pytest.mark.parametrize(
    ("token", "typed", "words"),
    [
        ("20260117083042195571", "20260117083042100000", "turned into zeros"),
        ("OfficialAccount9", "O\ufb03cialAccount9", "the ligature ﬁ"),
        ("WifiFlat2026", "Wi\ufb01Flat2026", "the ligature ﬁ"),
        ("0075316482", "75316482", "characters missing"),
    ],
)
def test_what_spreadsheets_and_documents_do_to_a_token_is_named(
    token: str, typed: str, words: str
) -> None:
    make_account("travel-club", token)
    explanation = call_with(typed, "/wechat/travel-club")

    assert "the token of “Travel-Club”, but with" in explanation.what_happened
    assert words in explanation.what_happened


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (OUTLET[:-1], "characters missing"),
        (OUTLET[1:], "characters missing"),
        (f"{OUTLET}\n", "line break"),
        (OUTLET.lower(), "upper and lower case"),
        (f"Token:{OUTLET}", "label"),
    ],
)
def test_a_slip_with_another_accounts_token_is_named(typed: str, words: str) -> None:
    explanation = call_with(typed)

    assert "the token of “Harbor Outlet”" in explanation.what_happened
    assert words in explanation.what_happened
    assert "The URL belongs to “City Mall”." in explanation.what_happened
    assert [account.slug for account in explanation.accounts] == ["city-mall", "harbor-outlet"]


def test_a_slip_with_a_retired_token_is_named() -> None:
    explanation = call_with(OLD_MALL[:-1])

    assert "the token of “City Mall” that was retired on 20" in explanation.what_happened
    assert "characters missing" in explanation.what_happened


@pytest.mark.parametrize("path", ["/", "/wechat/city-mal"])
def test_a_slip_is_named_at_the_bare_domain_and_at_a_mistyped_path(path: str) -> None:
    explanation = call_with(MALL.replace("2026", "2025"), path)

    assert "the token of “City Mall”, but with one wrong character" in explanation.what_happened
    assert ("No account has the address" in explanation.what_happened) == (path != "/")


def test_a_slip_is_named_where_fifty_accounts_may_be_meant() -> None:
    for number in range(50):
        make_account(f"shop-{number}", f"TokenOfShopNumber{number:03}")

    assert "characters missing" in call_with("TokenOfShopNumbr022", "/").what_happened


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("wx1f0a5b3c7d9e2468", "the AppID of “City Mall”"),
        ("wx9d8c7b6a5f4e3d2c", "the AppID of “Harbor Outlet”"),
        (MALL_AES_KEY, "the EncodingAESKey of “City Mall”"),
        (MALL_AES_KEY[:32], "the EncodingAESKey of “City Mall”, but with characters missing"),
        ("city-mall", "the slug of “City Mall”"),
        ("City-Mall", "the slug of “City Mall”, but with upper and lower case mixed up"),
        ("City Mall", "the name of “City Mall”"),
        ("WX1F0A5B3C7D9E2468", "the AppID of “City Mall”, but with upper and lower case"),
        ("1f0a5b3c7d9e2468", "the AppID of “City Mall”, but with characters missing"),
        ("gh_3a91c07de5f2", "the original ID of “City Mall”."),
        ("gh3a91c07de5f2", "the original ID of “City Mall”, but with characters missing"),
        ("GH_3A91C07DE5F2", "the original ID of “City Mall”, but with upper and lower case"),
        ("[object Promise]", "a placeholder"),
        ("undefined", "a placeholder"),
        ("/wechat/city-mall", "the server URL of “City Mall”"),
        ("your_token", "a placeholder"),
        ("<token>", "a placeholder"),
        ("${WECHAT_TOKEN}", "a placeholder"),
        (f"{MALL_AES_KEY}=", "the EncodingAESKey of “City Mall”, but with a punctuation mark"),
    ],
)
def test_another_value_in_place_of_the_token_is_named(typed: str, words: str) -> None:
    OfficialAccount.objects.filter(slug="city-mall").update(original_id="gh_3a91c07de5f2")
    explanation = call_with(typed)

    assert explanation.cause == "other_value_for_token"
    assert words in explanation.what_happened


def test_the_fingerprint_and_the_encrypted_token_are_named() -> None:
    token = OfficialAccount.objects.get(slug="city-mall").current_token
    assert token is not None
    assert token.secret is not None

    assert "the fingerprint of “City Mall”" in call_with(token.fingerprint).what_happened
    assert "as the database holds it" in call_with(token.secret.ciphertext).what_happened


def test_the_address_of_the_account_is_not_blamed_for_a_token_that_fits_nothing() -> None:
    now = str(int(time.time()))
    explanation = call_with("NobodyKnowsThis1", agent="curl/8.4.0", timestamp=now)

    assert explanation.cause == "token_unknown"
    assert "never" not in explanation.what_happened
    assert explanation.what_to_do.startswith("If a script or tool of yours sent it")
    assert "If another product or system was given this URL" in explanation.what_to_do
    assert "a Mini Program" in call_with("NobodyKnowsThis1", timestamp=now).what_to_do


def test_a_list_of_unlike_attempts_ends_its_search_but_the_page_of_one_does_not() -> None:
    for number in range(30):
        call_with("NobodyKnowsThis1", nonce=str(1_000_000_000 + number))
    call_with(MALL.replace("2026", "2025"))
    attempts = list(VerificationAttempt.objects.select_related("account").order_by("id"))
    stored = StoredData()
    causes = [explain(attempt, stored).cause for attempt in attempts]

    assert stored.search.hashes_left is not None
    assert stored.search.hashes_left >= 0
    assert causes[:30] == ["token_unknown"] * 30
    assert causes[30] == "token_unknown"
    assert explain(attempts[30]).cause == "token_mistyped"
    assert explain(attempts[30], StoredData()).cause == "token_mistyped"
