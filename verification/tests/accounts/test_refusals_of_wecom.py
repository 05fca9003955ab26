"""The status of an account that is called as another platform calls, or of a WeCom app."""

from __future__ import annotations

import pytest
from django.test import Client

from verification.accounts.levels import Level
from verification.models import OfficialAccount
from verification.protocol.enums import Platform
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import STRANGER, wechat_verifies
from verification.tests.support.messages import AES_KEY, OTHER_AES_KEY
from verification.tests.support.signer import verification
from verification.tests.support.statuses import status_of
from verification.tests.support.wecom import (
    CORP_ID,
    OTHER_CORP_ID,
    make_wecom_app,
    store_wecom_key,
    wecom_message,
    wecom_push,
    wecom_verification,
)

W = "TokenOfWeComApp9012"


@pytest.fixture
def shop(db: None) -> OfficialAccount:
    return make_wecom_app("shop", W)


def check(account: OfficialAccount, query: str, source: str = "127.0.0.1") -> int:
    return Client(REMOTE_ADDR=source).get(f"{account.server_path}?{query}").status_code


def test_an_account_with_the_wrong_platform_is_worth_a_look(brand_a: OfficialAccount) -> None:
    check(brand_a, wecom_verification(A))
    status = status_of(brand_a)

    assert (status.level, status.text) == (Level.WARNING, "Refused: WeCom request")
    assert "If “Brand-A” is a WeCom app, choose that platform" in status.advice


def test_a_wecom_app_that_is_called_as_an_official_account_is_worth_a_look(
    shop: OfficialAccount,
) -> None:
    wechat_verifies(shop, W)

    assert status_of(shop).text == "Refused: request for another platform"


def test_it_is_a_failure_from_the_network_that_verified_the_account(shop: OfficialAccount) -> None:
    assert check(shop, wecom_verification(W)) == 200
    assert status_of(shop).level is Level.VERIFIED
    wechat_verifies(shop, W)

    assert status_of(shop).level is Level.FAILING


@pytest.mark.parametrize(("corp_id", "text"), [(OTHER_CORP_ID, "another CorpID or SuiteID")])
def test_another_corp_id_is_a_failure(shop: OfficialAccount, corp_id: str, text: str) -> None:
    check(shop, wecom_verification(W, corp_id=corp_id))
    status = status_of(shop)

    assert (status.level, status.text) == (Level.FAILING, f"Refused: {text}")


def test_an_echostr_that_a_proxy_has_changed_is_worth_a_look(shop: OfficialAccount) -> None:
    query = wecom_verification(W)
    while "%2B" not in query:
        query = wecom_verification(W)
    check(shop, query.replace("%2B", "%20"))

    assert status_of(shop).text == "Refused: echostr changed on the way"


def test_a_stranger_cannot_make_accounts_fail(
    brand_a: OfficialAccount, shop: OfficialAccount
) -> None:
    """Neither by making signatures up, nor by dividing a copied URL in other places."""
    wechat_verifies(brand_a, A)
    copied = dict(part.split("=") for part in verification(A).split("&"))
    check(
        brand_a,
        f"msg_signature={copied['signature']}&timestamp=1714036504&nonce=1514&echostr=711492",
        STRANGER,
    )
    assert check(brand_a, verification(A, echostr="<b>"), STRANGER) == 400
    assert status_of(brand_a).level is Level.VERIFIED

    query = wecom_verification(W, key=AES_KEY, nonce="2")
    check(shop, query)
    moved = query.replace("nonce=2&echostr=", "nonce=2").replace("nonce=2", "nonce=2", 1)
    head, encrypted = moved.split("nonce=2")
    check(shop, f"{head}nonce=2{encrypted[:4]}&echostr={encrypted[4:]}", STRANGER)
    check(shop, wecom_verification("Nonsense", key=OTHER_AES_KEY), STRANGER)
    body, pushed = wecom_push("Nonsense", wecom_message("hello"))
    Client(REMOTE_ADDR=STRANGER).post(f"{shop.server_path}?{pushed}", body, "text/xml")
    assert status_of(shop).level in {Level.VERIFIED, Level.WARNING}


MADE_UP = f"msg_signature={'5c45ff5e' * 5}&timestamp=1409659589&nonce=263014780"
BOT_BODY = b'{"encrypt": "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp"}'


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (f"{MADE_UP}&echostr=abc", None),
        (f"{MADE_UP}&echostr=%3Cb%3E", None),
        (f"{MADE_UP}&echostr=ab+cd", None),
        (f"{MADE_UP}&echostr={'a' * 300}", None),
        (f"{MADE_UP}&echostr={{echostr}}", None),
        (wecom_verification("Nonsense"), None),
        (wecom_verification("shop"), None),
        (verification("Nonsense"), None),
        (wecom_push("Nonsense", wecom_message("hello"))[1], b""),
        (wecom_push("Nonsense", wecom_message("hello"))[1], BOT_BODY),
        (MADE_UP, b"<xml><a>1</a></xml>"),
        (MADE_UP, b"<xml><Encrypt>abcd</Encrypt></xml>"),
        (verification("Nonsense"), b"<xml></xml>"),
    ],
)
def test_made_up_requests_of_a_stranger_are_a_warning_at_most(
    shop: OfficialAccount, query: str, body: bytes | None
) -> None:
    check(shop, wecom_verification(W))
    stranger, url = Client(REMOTE_ADDR=STRANGER), f"{shop.server_path}?{query}"
    for _again in range(4):
        stranger.get(url) if body is None else stranger.post(url, body, "text/xml")

    assert status_of(shop).level is Level.WARNING


def test_messages_that_nothing_can_read_are_a_failure_from_the_network_that_verified_it(
    shop: OfficialAccount,
) -> None:
    """So a bot, whose bodies are others, does not look verified for ever."""
    check(shop, wecom_verification(W))
    _body, query = wecom_push(W, wecom_message("hello"))
    Client().post(f"{shop.server_path}?{query}", BOT_BODY, "application/json")
    status = status_of(shop)

    assert (status.level, status.text) == (Level.FAILING, "Refused: unreadable message")
    assert "A bot (智能机器人) sends other bodies" in status.advice
    assert status_of(shop, in_hours=30).level is Level.FAILING


def test_after_the_platform_was_corrected_a_wecom_app_needs_a_key_first(
    brand_a: OfficialAccount,
) -> None:
    check(brand_a, wecom_verification(A))
    OfficialAccount.objects.update(platform=Platform.WECOM.value)
    status = status_of(brand_a)
    assert status.text == "Refused: platform changed later"
    assert "Set the EncodingAESKey and the CorpID (企业ID) here first" in status.advice
    assert "again" not in status.advice

    OfficialAccount.objects.update(app_id=CORP_ID)
    assert "Set the EncodingAESKey here first" in status_of(brand_a).advice
    store_wecom_key(brand_a, AES_KEY)
    assert "here first" not in status_of(brand_a).advice
