"""The alert about a missing encryption key, in place of alerts about each account."""

from __future__ import annotations

from typing import Any

from verification.models import OfficialAccount
from verification.tests.alerts.conftest import Clock, Sent
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import wechat_pushes, wechat_verifies
from verification.tests.support.lost_keys import LOST_KEY, lose_key, without_key
from verification.tests.support.messages import AES_KEY, store_aes_key

LINK = "https://wx.example.cn/admin/verification/officialaccount/"
TITLE = "A key is missing in TOKEN_ENCRYPTION_KEYS\n"


def test_a_missing_key_is_reported_once_before_anyone_calls(
    connected: OfficialAccount, brand_b: OfficialAccount, sent: Sent
) -> None:
    lose_key(connected)
    message = sent()

    assert message.startswith(f"{TITLE}At 20")
    assert "This server cannot decrypt the token of “Brand-A”, because" in message
    assert "Brand-B" not in message
    assert "Put the key that encrypted it back behind the newest one" in message
    assert message.endswith(LINK)
    assert sent() == ""


def test_refusals_because_of_a_missing_key_are_no_alert_of_the_account(
    connected: OfficialAccount, sent: Sent
) -> None:
    lose_key(connected)
    for _ in range(6):
        wechat_pushes(connected, A)
    message = sent()

    assert message.startswith(TITLE)
    assert "refused" not in message


def test_a_server_with_other_keys_than_watch_is_reported(
    connected: OfficialAccount, sent: Sent
) -> None:
    with without_key(connected):
        wechat_pushes(connected, A)
    message = sent()

    assert message.startswith(f"{TITLE}At 20")
    assert "Restart all processes with the same keys." in message


def test_it_is_over_when_no_request_was_refused_for_it_for_a_while(
    connected: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    with without_key(connected):
        wechat_pushes(connected, A)
        sent()
    wechat_pushes(connected, A)
    clock.advance(minutes=9)
    assert sent() == ""
    clock.advance(minutes=2)

    assert sent().startswith("All tokens can be decrypted again\nNo request has been refused")


def test_a_wrong_token_at_another_account_is_still_reported(
    connected: OfficialAccount, brand_b: OfficialAccount, sent: Sent
) -> None:
    wechat_verifies(brand_b, B)
    sent()
    lose_key(connected)
    sent()
    wechat_pushes(brand_b, A)

    assert sent().startswith("“Brand-B” is refused, after it had worked")


def test_in_chinese_it_names_the_variable(
    connected: OfficialAccount, sent: Sent, settings: Any
) -> None:
    settings.ALERT_LANGUAGE = "zh-hans"
    lose_key(connected)

    assert sent().count("TOKEN_ENCRYPTION_KEYS") == 3


def test_a_lost_key_of_messages_is_reported(
    connected: OfficialAccount, sent: Sent, settings: Any
) -> None:
    keys = settings.TOKEN_ENCRYPTION_KEYS
    settings.TOKEN_ENCRYPTION_KEYS = [LOST_KEY]
    store_aes_key(connected, AES_KEY)
    settings.TOKEN_ENCRYPTION_KEYS = keys

    message = sent()
    assert TITLE in message  # beside the change event that only the lost key could prove
    assert "cannot decrypt the EncodingAESKey or the webhook secret of “Brand-A”" in message
    assert "Put the key that encrypted it back" in message
