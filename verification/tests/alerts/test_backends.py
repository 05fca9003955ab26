"""Alerts about backends and what waits for them."""

from __future__ import annotations

import pytest
from django.utils import timezone

from verification.accounts.backends import remove_backend, set_backend
from verification.accounts.pausing import pause
from verification.models import Backend, Delivery, OfficialAccount
from verification.protocol.enums import DeliveryResult, Platform
from verification.tests.alerts.conftest import Clock, Sent
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.deliveries import (
    count_deliveries,
    give_backend,
    give_failing_backend,
    keep_waiting,
    make_dead,
)


def works_again(account: OfficialAccount) -> None:
    Backend.objects.filter(pk=account.pk).update(
        failures=0, failing_since=None, next_probe_at=None, last_success_at=timezone.now()
    )


def test_a_failing_backend_is_reported_with_its_reason_and_so_is_its_end(
    brand_a: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    give_failing_backend(brand_a, DeliveryResult.SERVER_ERROR, 502)
    message = sent()
    assert message.startswith("“Brand-A”: the backend fails: error of the backend (502)\nSince 20")
    assert "The backend answered with status 502. A proxy in front of the backend" in message
    assert "WeChat sends each message three times in all" in message
    assert f"/officialaccount/{brand_a.pk}/change/" in message
    assert "hunter2" not in message
    assert sent() == ""

    keep_waiting(brand_a, 12)
    clock.advance(minutes=5)
    works_again(brand_a)
    message = sent()
    assert message.startswith("“Brand-A”: the backend works again\nIt took a message at 20")
    assert "12 messages wait." in message


def test_a_backend_that_has_taken_no_decrypted_message_may_expect_encrypted_ones(
    brand_a: OfficialAccount, sent: Sent
) -> None:
    give_failing_backend(brand_a, DeliveryResult.SERVER_ERROR, 500)
    Backend.objects.update(forwards_decrypted=True)

    assert "check that it expects plain XML or JSON" in sent()


@pytest.mark.parametrize(
    ("platform", "sentence"),
    [
        (Platform.MINI_PROGRAM, "three times in all; then users see an error."),
        (Platform.WECOM, "three times in all; then members get no reply."),
    ],
)
def test_what_a_failure_means_is_said_for_the_platform(
    sent: Sent, platform: Platform, sentence: str
) -> None:
    account = make_account("shop", platform=platform.value)
    give_failing_backend(account, DeliveryResult.SERVER_ERROR, 502)

    assert sentence in sent()


def test_one_failure_is_reported_only_if_it_lasts(
    brand_a: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    give_failing_backend(brand_a, failures=1)
    assert sent() == ""
    clock.advance(seconds=61)
    assert "the backend fails: connection refused" in sent()


def test_a_hiccup_is_not_reported(brand_a: OfficialAccount, sent: Sent, clock: Clock) -> None:
    give_failing_backend(brand_a, failures=1)
    sent()
    works_again(brand_a)
    clock.advance(minutes=5)

    assert sent() == ""


def test_a_new_url_is_good_news_only_once_it_took_a_message(
    brand_a: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    give_failing_backend(brand_a)
    sent()
    set_backend(brand_a, "https://new.example.cn/wx", "resend", 3, LI_WEI)
    assert sent() == ""
    works_again(brand_a)
    assert "works again" in sent()


def test_a_failing_backend_that_is_removed_is_no_news(
    brand_a: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    give_failing_backend(brand_a)
    sent()
    remove_backend(brand_a, LI_WEI)

    assert sent() == ""


def test_followers_without_replies_are_reported_although_the_backend_works(
    brand_a: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    give_backend(brand_a)
    count_deliveries(brand_a, DeliveryResult.DELIVERED, 12)
    count_deliveries(brand_a, DeliveryResult.TIMEOUT, 2)
    assert sent() == ""
    count_deliveries(brand_a, DeliveryResult.UNUSABLE_REPLY, 10, status=200)
    message = sent()
    assert message.startswith("“Brand-A”: followers get no reply: unusable reply\n10 of 24")
    assert "Let the backend answer with “success”" in message
    assert "deliveries of the last hour brought no reply, the last at " in message
    assert "unusable reply (2 more for other reasons). " in message

    clock.advance(minutes=5)
    count_deliveries(brand_a, DeliveryResult.BUSY, 40)
    assert sent() == ""

    clock.advance(minutes=80)
    assert sent().startswith("“Brand-A”: followers get replies again")


def test_messages_that_wait_although_the_backend_works_are_reported(
    brand_a: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    give_backend(brand_a)
    keep_waiting(brand_a, 12)
    clock.advance(minutes=9)
    assert sent() == ""
    clock.advance(minutes=2)
    message = sent()
    assert message.startswith("“Brand-A”: 12 messages wait, the oldest since 20")
    assert "Check that manage.py worker runs" in message

    Delivery.objects.update(state=Delivery.State.DELIVERED, payload=None, settled_at=clock.now())
    assert sent().startswith("“Brand-A”: no message waits any more")


def test_messages_without_a_backend_are_reported_even_of_a_paused_account(
    brand_a: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    keep_waiting(brand_a)
    pause(brand_a, LI_WEI)
    clock.advance(minutes=11)

    message = sent()
    assert "1 message waits, since 20" in message
    assert "The account has no backend." in message


def test_while_the_backend_fails_what_waits_is_one_problem_and_not_two(
    brand_a: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    give_failing_backend(brand_a)
    keep_waiting(brand_a)
    clock.advance(minutes=11)

    assert "the backend fails" in sent()
    assert sent() == ""


def test_the_first_dead_letters_are_reported_until_none_is_left(
    brand_a: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    give_backend(brand_a)
    make_dead(brand_a, 3)
    message = sent()
    assert message.startswith("“Brand-A”: the backend does not accept 3 messages\n")
    assert "press “Retry now” on the account's page, or discard them." in message
    make_dead(brand_a)
    assert sent() == ""

    Delivery.objects.update(state=Delivery.State.DISCARDED, payload=None)
    assert sent() == ""
    clock.advance(hours=2)
    make_dead(brand_a)
    assert "the backend does not accept 1 message\n" in sent()


def test_dead_letters_are_reported_at_half_of_their_time_and_twelve_hours_before_its_end(
    brand_a: OfficialAccount, sent: Sent, clock: Clock
) -> None:
    give_backend(brand_a)
    make_dead(brand_a, 3)
    clock.advance(hours=35)
    assert "undelivered" not in sent()
    clock.advance(hours=2)
    message = sent()
    assert message.startswith("“Brand-A”: messages will be deleted undelivered, the first at 20")
    assert "3 dead letters. On the account's page" in message
    assert sent() == ""
    clock.advance(hours=22)
    assert "undelivered" not in sent()
    clock.advance(hours=2)
    assert "messages will be deleted undelivered" in sent()
    assert sent() == ""


@pytest.mark.parametrize("days", [1, 3])
def test_each_warning_comes_once(
    brand_a: OfficialAccount, sent: Sent, clock: Clock, days: int
) -> None:
    give_backend(brand_a, retention_days=days)
    make_dead(brand_a)
    messages = []
    for _hour in range(24 * days):
        messages.append(sent())
        clock.advance(hours=1)

    assert sum("deleted undelivered" in message for message in messages) == (1 if days == 1 else 2)


def test_a_full_spool_is_reported(brand_a: OfficialAccount, sent: Sent, clock: Clock) -> None:
    give_backend(brand_a)
    count_deliveries(brand_a, DeliveryResult.SPOOL_FULL, 7)
    message = sent()

    assert message.startswith("“Brand-A”: no room for waiting messages")
    assert "100 MB" in message
    clock.advance(minutes=11)
    assert sent() == ""
