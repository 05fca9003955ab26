"""Scripts, copies, strangers and other products call too: no console is blamed for their requests.

Nobody is reassured either where another product may have been given the URL.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from django.test import Client

from verification.diagnosis import Explanation, StoredData, explain, remark_on
from verification.models import AESKey, OfficialAccount
from verification.tests.support.adapter import last_attempt
from verification.tests.support.company import (
    MALL,
    MALL_AES_KEY,
    OLD_MALL,
    OUTLET,
    call,
    call_with,
    found_company,
)
from verification.tests.support.messages import (
    AES_KEY,
    encrypted_push,
    store_aes_key,
    text_message,
)
from verification.tests.support.signer import verification

CURL = "curl/8.5.0"
MESSAGE = text_message("hello", msg_id="1")
CONSOLE = "Change nothing in the console because of it."


def now() -> str:
    return str(int(time.time()))


@pytest.fixture(autouse=True)
def company(db: None) -> None:
    found_company()


def send_body(body: bytes, query: str = "", agent: str = CURL) -> Explanation:
    post(body, query, agent)
    return explain(last_attempt())


def post(body: bytes, query: str, agent: str) -> None:
    Client(headers={"User-Agent": agent}).post(
        f"/wechat/city-mall?{query}", body, content_type="application/json"
    )


@pytest.mark.parametrize(
    ("token", "words"),
    [
        (OLD_MALL, "This was signed with the token of “City Mall” that was retired on 20"),
        (OUTLET, "signed with the token of “Harbor Outlet”. The URL belongs to “City Mall”."),
    ],
)
def test_an_old_request_that_was_sent_again_blames_no_console(token: str, words: str) -> None:
    eight_days_ago = str(int(now()) - 8 * 86_400)
    explanation = call_with(token, agent=CURL, timestamp=eight_days_ago)

    assert explanation.cause == "copied_request"
    assert "a copy of an old request: its timestamp was 8 days behind" in explanation.what_happened
    assert words in explanation.what_happened
    assert explanation.what_to_do.startswith(CONSOLE)


def test_a_timestamp_that_was_cut_off_makes_no_copy_of_an_old_request() -> None:
    explanation = call_with("NobodyKnowsThis1", agent=CURL, timestamp=now()[:5])

    assert explanation.cause == "token_unknown"
    assert "days behind" not in explanation.full_text


def test_a_script_with_a_wrong_clock_and_an_unknown_token_is_told_of_both() -> None:
    explanation = call_with("NobodyKnowsThis1", agent=CURL, timestamp=str(int(now()) - 8 * 86_400))

    assert explanation.what_happened.startswith("The signature matches no token that is stored")
    assert "a copy of an old request, or the clock of the script" in explanation.what_happened
    assert "Compare its token with the account's current one." in explanation.what_to_do
    assert "A script must sort token, timestamp and nonce as text" in explanation.what_to_do


def test_a_script_that_lowers_the_letters_of_the_right_token_is_told_so() -> None:
    changes = "something changes it before it is hashed, such as the letters' case"

    assert changes in call_with(MALL.lower(), agent=CURL).what_to_do
    assert changes in call_with(f'"{MALL}"', agent=CURL).what_to_do
    assert changes not in call_with(MALL.lower()).what_to_do
    assert changes not in call_with(OUTLET.lower(), agent=CURL).what_to_do


def test_a_proxy_that_cuts_the_path_or_renames_parameters_is_named() -> None:
    cut = call("/city-mall", verification(MALL))
    renamed = call(query=verification(MALL).replace("signature", "Signature"))

    assert "a proxy in front of this server changes the path" in cut.what_to_do
    assert renamed.what_to_do.startswith("If WeChat sent it, let the proxy in front of")


def test_a_web_page_of_ones_own_is_no_scanner_for_certain() -> None:
    Client().options("/wechat/city-mall")

    explanation = explain(last_attempt())
    assert "A browser sends OPTIONS before a web page calls another site" in (
        explanation.what_happened
    )
    assert explanation.what_to_do.startswith("If a web page, an API client or a monitor of yours")


def test_wechats_own_old_request_is_not_called_a_copy() -> None:
    """It was kept back on the way, or the clock is wrong: the token is wrong all the same."""
    assert call_with(OLD_MALL).cause == "token_retired"
    assert call_with(OUTLET).cause == "token_of_another_account"


@pytest.mark.parametrize("token", [OLD_MALL, OUTLET])
def test_a_script_with_another_token_is_not_said_to_be_wechat(token: str) -> None:
    explanation = call_with(token, agent=CURL, timestamp=now())

    assert explanation.what_happened.startswith("This was signed with")
    assert "script or tool" in explanation.what_to_do
    assert "WeChat still uses" in call_with(OLD_MALL, timestamp=now()).what_happened


@pytest.mark.parametrize("guess", ["weixin", "your_token", "city-mall", "City Mall"])
def test_a_stranger_who_guesses_leads_nobody_to_the_console(guess: str) -> None:
    explanation = call_with(guess, agent="python-requests/2.31.0", timestamp=now())

    assert explanation.what_to_do.startswith("If a script or tool of yours sent it")
    assert "Otherwise a stranger guessed, and was refused." in explanation.what_to_do
    assert "stranger" not in call_with(guess).what_to_do


def test_a_notice_of_another_product_without_parameters_is_no_lost_query() -> None:
    explanation = send_body(b'{"event_type":"TRANSACTION.SUCCESS"}', agent="Mozilla/4.0")

    assert "Either it is no message, or" in explanation.what_happened
    assert explanation.what_to_do.startswith("If WeChat Pay or another product was given this URL")
    assert not explanation.is_harmless


def test_a_form_in_the_body_is_told_to_be_a_get() -> None:
    explanation = send_body(verification(MALL).encode(), agent="PostmanRuntime/7.36.0")

    assert "behind the “?” of the URL, not into the body, and let it use GET for a check" in (
        explanation.what_to_do
    )
    assert "another system was given this URL" in explanation.what_to_do


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        ("Java/1.8.0_392", "If it was a script or tool of yours, let it send such a body"),
        ("Mozilla/4.0", "If WeChat itself sent it, check whether a proxy"),
    ],
)
def test_a_body_in_another_encoding_accuses_nobody_first(agent: str, words: str) -> None:
    body = '<?xml version="1.0" encoding="GBK"?><xml><Content>你好</Content></xml>'.encode("gbk")
    _body, query = encrypted_push(MALL, MESSAGE)
    explanation = send_body(body, query, agent)

    assert explanation.cause == "message_unreadable"
    assert "in UTF-8" in explanation.what_happened
    assert words in explanation.what_to_do
    assert "If neither is so, somebody may have copied the address" in explanation.what_to_do


def test_a_message_for_another_account_names_its_server_url() -> None:
    """Harbor Outlet's console has the URL of City Mall, with the same token and key."""
    mall = OfficialAccount.objects.get(slug="city-mall")
    AESKey.objects.filter(account=mall).delete()
    store_aes_key(mall, AES_KEY)
    post(*encrypted_push(MALL, MESSAGE, app_id=mall.app_id), "Mozilla/4.0")
    body, query = encrypted_push(MALL, MESSAGE, app_id="wx9d8c7b6a5f4e3d2c")
    explanation = send_body(body, query, "Mozilla/4.0")

    happened = explanation.what_happened
    assert "ends with wx9d8c7b6a5f4e3d2c, the ID of “Harbor Outlet”, not with" in happened
    assert "If it was for “Harbor Outlet”, put the server URL, token" in explanation.what_to_do
    assert "/wechat/harbor-outlet. If a script" in explanation.what_to_do
    assert [account.slug for account in explanation.accounts] == ["city-mall", "harbor-outlet"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/wechat/city-mall%EF%BC%8C", "“/wechat/city-mall???”, but"),
        ("/wechat/%E5%9F%8E%E5%B8%82", "“/wechat/??????”, but"),
    ],
)
def test_a_path_with_chinese_characters_is_no_missing_question_mark(path: str, words: str) -> None:
    explanation = call_with(MALL, path)

    assert explanation.cause == "path_mistyped"
    assert words in explanation.what_happened
    assert "Each “?” in it stands for a byte that is not ASCII" in explanation.what_happened
    assert "Each “?” in it" in call_with(MALL[:-1], path).what_happened
    assert "Each “?” in it" in call_with("NobodyKnowsThis1", path).what_happened


@pytest.mark.parametrize("token", [MALL, MALL[:-1], "NobodyKnowsThis1"])
def test_a_prefix_before_the_path_is_named(token: str) -> None:
    explanation = call_with(token, "/api/wechat/city-mall")

    assert "It has “/api” before the path: remove that" in explanation.what_happened


@pytest.mark.parametrize("query", ["code=081aBcGa1x&state=login", "state=1&error=access_denied"])
def test_a_redirect_of_a_web_login_is_named(query: str) -> None:
    explanation = call(query=query, agent="MicroMessenger/8.0.42")

    assert explanation.cause == "browser_redirect"
    assert "redirect_uri" in explanation.what_to_do


def test_a_code_beside_wechats_parameters_is_no_redirect() -> None:
    assert call(query=f"{verification(MALL)}&code=1&state=2").cause == "accepted"


@pytest.mark.parametrize("agent", ["sqlmap/1.7.2#stable", "Mozilla/5.00 (Nikto/2.1.6)", "Nuclei"])
def test_a_scanner_is_told_by_its_user_agent(agent: str) -> None:
    call(query="id=1", agent=agent)
    texts = [remark.text for remark in remark_on(last_attempt())]

    assert f"Its user agent “{agent}” is that of a scanner" in texts[0]


def test_an_unknown_token_at_the_bare_domain_names_who_is_called_there() -> None:
    explanation = call_with("NobodyKnowsThis1", "/")

    assert "These accept calls at the bare domain: “Book Shop” · “City Mall” · “Harbor" in (
        explanation.what_happened
    )
    assert "find the account whose console has the bare domain" in explanation.what_to_do
    assert "account page" not in explanation.what_to_do


def test_a_page_that_is_opened_without_parameters_may_be_ones_own() -> None:
    assert call(agent=CURL).what_to_do.startswith("If a script or tool of yours was to send")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda given, signature: signature, "msg_signature is the same as signature"),
        (lambda given, signature: "", "came without msg_signature"),
        (lambda given, signature: given[:-1], "came without msg_signature"),
        (lambda given, signature: "0" * 40, "does not belong to the encrypted message"),
    ],
)
def test_a_wrong_msg_signature_is_told_apart(change: Callable[[str, str], str], words: str) -> None:
    body, query = encrypted_push(MALL, MESSAGE)
    parts = dict(part.split("=", 1) for part in query.split("&"))
    parts["msg_signature"] = change(parts["msg_signature"], parts["signature"])
    explanation = send_body(body, "&".join(f"{name}={value}" for name, value in parts.items()))

    assert explanation.cause == "message_signature_mismatch"
    assert words in explanation.what_happened
    assert "If a script or tool of yours sent it: msg_signature is" in explanation.what_to_do


def test_a_script_that_encrypts_otherwise_is_told_how_wechat_does() -> None:
    mall = OfficialAccount.objects.get(slug="city-mall")
    AESKey.objects.filter(account=mall).delete()
    store_aes_key(mall, AES_KEY)
    post(*encrypted_push(MALL, MESSAGE, app_id=mall.app_id), "Mozilla/4.0")
    explanation = send_body(*encrypted_push(MALL, MESSAGE, key=MALL_AES_KEY))

    assert explanation.cause == "message_undecryptable"
    assert "with AES-256 in CBC mode" in explanation.what_to_do


@pytest.mark.parametrize("changed", ["timestamp", "nonce"])
def test_a_signature_that_is_used_again_names_where_it_was_first(changed: str) -> None:
    right = dict(part.split("=") for part in verification(MALL, timestamp=now()).split("&"))
    call(query="&".join(f"{name}={value}" for name, value in right.items()))
    first = last_attempt()
    right[changed] = str(int(right[changed]) + 777)
    query = "&".join(f"{name}={value}" for name, value in right.items())
    explanation = call(query=query, agent=CURL)

    assert explanation.cause == "signature_reused"
    assert f"Attempt {first.pk} of 20" in explanation.what_happened
    assert explain(last_attempt(), StoredData()).cause == "token_unknown"


def test_milliseconds_are_not_called_made_up() -> None:
    milliseconds = f"{now()}307"
    call(query=verification(MALL, timestamp=milliseconds), agent=CURL)
    texts = [remark.text for remark in remark_on(last_attempt())]

    assert f"Its timestamp “{milliseconds}” is in milliseconds; WeChat's is in seconds." in texts[0]


def test_a_clock_is_not_blamed_for_years() -> None:
    call_with(MALL, agent=CURL, timestamp=str(int(now()) - 1000 * 86_400))
    texts = [remark.text for remark in remark_on(last_attempt())]

    behind = "Its timestamp was 1000 days behind this server's clock: "
    assert f"{behind}the URL was kept and sent again, or the sender's clock is slow." in texts


@pytest.mark.parametrize("hours", [8, -8, 1])
def test_whole_hours_are_a_time_zone_and_no_copy(hours: int) -> None:
    explanation = call_with(OLD_MALL, agent=CURL, timestamp=str(int(time.time()) - hours * 3600))
    texts = [remark.text for remark in remark_on(last_attempt())]

    assert explanation.cause == "token_retired"
    assert "Whole hours are a time zone: the sender or this server" in texts[0]
