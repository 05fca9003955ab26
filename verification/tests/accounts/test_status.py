"""The status of an account in words: it depends on what is recorded, and on the time."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

import pytest
from django.test import Client
from django.utils import timezone

from verification.accounts.pausing import pause
from verification.accounts.status import AccountStatus, Level, read_statuses
from verification.accounts.tokens import rotate_token
from verification.change_log import Actor
from verification.models import OfficialAccount, Tally, Token, WatchPosition
from verification.protocol.enums import DeliveryResult, Kind, Outcome
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import (
    STRANGER,
    we_test,
    wechat_goes_astray,
    wechat_pushes,
    wechat_verifies,
)
from verification.tests.support.deliveries import count_deliveries, give_backend, keep_waiting
from verification.tests.support.messages import (
    AES_KEY,
    OTHER_AES_KEY,
    encrypted_push,
    store_aes_key,
    text_message,
)
from verification.tests.support.signer import push
from verification.tests.support.tallies import was_pushed_to

NEW = "NewTokenOfBrandA99"


def status_of(account: OfficialAccount, *, in_hours: float = 0) -> AccountStatus:
    """Return what the list shows now, or `in_hours` from now."""
    account.refresh_from_db()
    then = timezone.now() + timedelta(hours=in_hours)
    with mock.patch("django.utils.timezone.now", return_value=then):
        return read_statuses([account])[account.pk]


class TestProgress:
    def test_it_goes_from_waiting_to_verified_to_receiving(self, brand_a: OfficialAccount) -> None:
        today = timezone.localdate().isoformat()
        assert status_of(brand_a).text == "WeChat has not called yet"
        wechat_verifies(brand_a, A)
        assert status_of(brand_a).text == f"Verified on {today}, not enabled (启用) yet"
        wechat_pushes(brand_a, A)
        assert status_of(brand_a).text == f"Receiving messages · verified on {today}"

    def test_who_paused_it_is_named(self, brand_a: OfficialAccount) -> None:
        pause(brand_a, Actor("wang.fang"))

        assert status_of(brand_a).text.startswith("Paused by wang.fang on 20")


class TestRefusals:
    def test_a_refusal_names_its_cause_until_a_verification_passes(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, B)
        refused = status_of(brand_a)
        assert (refused.level, refused.text) == (Level.FAILING, "Refused: token of “Brand-B”")
        assert refused.refused_in_24_h == 1

        wechat_verifies(brand_a, A)
        assert status_of(brand_a).level is Level.VERIFIED

    def test_a_refusal_before_the_last_push_is_ignored(self, brand_a: OfficialAccount) -> None:
        wechat_verifies(brand_a, "Nonsense")
        wechat_pushes(brand_a, A)

        assert status_of(brand_a).text == "Receiving messages"

    def test_a_browser_request_needs_no_attention(
        self, brand_a: OfficialAccount, client: Client
    ) -> None:
        client.get(brand_a.server_path)

        assert status_of(brand_a).level is Level.WAITING

    def test_a_stray_call_does_not_undo_a_verification(self, brand_a: OfficialAccount) -> None:
        wechat_verifies(brand_a, A)
        well = status_of(brand_a).text
        wechat_verifies(brand_a, "Nonsense", STRANGER)
        stray = status_of(brand_a)

        assert stray.level is Level.VERIFIED
        assert stray.text.startswith(f"{well} · refused at ")
        assert stray.text.endswith(": unknown token")
        assert status_of(brand_a, in_hours=23.9).text.endswith(": unknown token")
        assert status_of(brand_a, in_hours=24.1).text == well

    def test_a_stray_call_does_not_undo_receiving(self, brand_a: OfficialAccount) -> None:
        wechat_pushes(brand_a, A)
        wechat_pushes(brand_a, "Nonsense")

        assert status_of(brand_a).level is Level.RECEIVING

    def test_stray_calls_do_not_hide_a_refusal_with_a_known_cause(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        for token in (B, "Nonsense", "Nonsense"):
            wechat_verifies(brand_a, token)

        assert status_of(brand_a).text == "Refused: token of “Brand-B”"
        assert status_of(brand_a, in_hours=23.9).level is Level.FAILING

    def test_a_wrong_token_before_the_first_success_needs_attention_for_a_day(
        self, brand_a: OfficialAccount
    ) -> None:
        today = timezone.localdate().isoformat()
        wechat_verifies(brand_a, "Nonsense")
        assert status_of(brand_a, in_hours=23.9).text == "Refused: unknown token"

        later = status_of(brand_a, in_hours=24.1)
        assert later.level is Level.WAITING
        assert later.text == f"Last attempt refused on {today}: unknown token"

    def test_refusals_are_counted_for_a_day_and_at_most_an_hour_more(
        self, brand_a: OfficialAccount, client: Client
    ) -> None:
        wechat_verifies(brand_a, "Nonsense")
        wechat_pushes(brand_a, "Nonsense")

        assert status_of(brand_a, in_hours=23.99).refused_in_24_h == 2
        assert status_of(brand_a, in_hours=25).refused_in_24_h == 0

    def test_calls_that_share_a_row_do_not_make_the_day_longer(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, "Nonsense")
        hour = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=25)
        kind, outcome = Kind.URL_VERIFICATION.value, Outcome.REFUSED.value
        Tally.objects.create(account=brand_b, hour=hour, kind=kind, outcome=outcome, count=9)

        assert status_of(brand_a, in_hours=25).refused_in_24_h == 0

    def test_neither_self_tests_nor_bots_are_counted(
        self, brand_a: OfficialAccount, client: Client
    ) -> None:
        we_test(brand_a, "Nonsense")
        client.get(brand_a.server_path)
        client.head(brand_a.server_path)

        assert status_of(brand_a).refused_in_24_h == 0

    def test_a_forged_push_needs_no_attention_but_several_in_a_row_do(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount, client: Client
    ) -> None:
        """After several, WeChat's console may have been switched to the plain mode."""
        store_aes_key(brand_a, AES_KEY)

        def send(body: bytes, query: str) -> None:
            url = f"{brand_a.server_path}?{query}"
            client.post(url, body, content_type="text/xml")

        send(*encrypted_push(A, text_message("hello", msg_id="1")))
        send(text_message("forged", msg_id="2"), push(A))
        forged = status_of(brand_a)
        assert forged.level is Level.RECEIVING
        assert forged.text.endswith(": message not encrypted")

        for _again in range(2):
            send(text_message("forged", msg_id="2"), push(A))
        assert status_of(brand_a).text == "Refused: message not encrypted"

        send(*encrypted_push(A, text_message("hello again", msg_id="3")))
        assert status_of(brand_a).text == "Receiving messages"

    def test_an_encoding_aes_key_that_does_not_fit_is_said_while_messages_pass(
        self, brand_a: OfficialAccount, client: Client
    ) -> None:
        store_aes_key(brand_a, OTHER_AES_KEY)
        body, query = encrypted_push(A, text_message("hello", msg_id="1"))
        client.post(f"{brand_a.server_path}?{query}", body, content_type="text/xml")
        status = status_of(brand_a)

        assert (status.level, status.text) == (
            Level.WARNING,
            "The EncodingAESKey here does not fit",
        )


class TestStrangers:
    """Whoever knows the address can be refused there, but only WeChat is accepted."""

    def test_another_token_in_the_console_of_an_account_that_worked_is_a_failure(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        wechat_verifies(brand_a, "Nonsense")
        status = status_of(brand_a)

        assert (status.level, status.text) == (Level.FAILING, "Refused: unknown token")
        assert status.badge == "bad"
        assert status.advice.startswith("The token in WeChat has never been stored here")
        assert status.url.endswith("/verificationattempt/2/change/")
        wechat_verifies(brand_a, A)
        assert (status_of(brand_a).level, status_of(brand_a).url) == (Level.VERIFIED, "")

    def test_refusals_of_a_stranger_are_a_warning_at_most(self, brand_a: OfficialAccount) -> None:
        wechat_verifies(brand_a, A)
        for _again in range(2):
            wechat_verifies(brand_a, "Nonsense", STRANGER)
        assert status_of(brand_a).level is Level.VERIFIED
        for _again in range(20):
            wechat_verifies(brand_a, "Nonsense", STRANGER)

        assert status_of(brand_a).level is Level.WARNING
        wechat_pushes(brand_a, A)
        assert status_of(brand_a).level is Level.RECEIVING

    def test_refusals_are_a_failure_if_messages_stop_meanwhile(
        self, brand_a: OfficialAccount
    ) -> None:
        was_pushed_to(brand_a, range(5, 40))
        brand_a.tokens.update(first_used_at=timezone.now())
        wechat_verifies(brand_a, "Nonsense", STRANGER)
        status = status_of(brand_a)

        assert (status.level, status.text) == (Level.FAILING, "Refused: unknown token")
        assert [trouble.kind for trouble in status.troubles] == ["refused", "silent"]

    def test_a_refused_push_that_nothing_follows_stays_a_failure(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        wechat_pushes(brand_a, "Nonsense")

        assert status_of(brand_a, in_hours=100).level is Level.FAILING


class TestStrays:
    def test_an_address_that_resembles_the_right_one_is_named_until_wechat_calls(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_goes_astray("/wechat/brnad-a", "Nonsense")
        status = status_of(brand_a)

        assert status.level is Level.WAITING
        assert status.text.startswith("WeChat called a wrong address at ")
        assert status.text.endswith(": /wechat/brnad-a")
        assert "the nearest is “/wechat/brand-a”. Copy the server URL" in status.advice
        assert status.url.endswith("/verificationattempt/1/change/")
        assert status_of(brand_a, in_hours=24.1).text == "WeChat has not called yet"
        wechat_verifies(brand_a, A)
        assert status_of(brand_a).text.startswith("Verified on ")

    def test_a_call_that_was_signed_with_its_token_needs_attention(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        wechat_goes_astray("/wechat/elsewhere", A)
        status = status_of(brand_a)

        assert status.level is Level.WARNING
        assert status.text.endswith(": /wechat/elsewhere")
        wechat_verifies(brand_a, A)
        assert status_of(brand_a).level is Level.VERIFIED

    def test_it_takes_the_place_of_a_refusal_before_it(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        wechat_verifies(brand_a, B)
        wechat_goes_astray("/wechat/brand-aa", A)
        status = status_of(brand_a)

        assert status.level is Level.FAILING
        assert status.text.endswith(": /wechat/brand-aa")
        wechat_verifies(brand_a, B)
        assert status_of(brand_a).text == "Refused: token of “Brand-B”"

    def test_the_bare_domain_is_named(self, brand_a: OfficialAccount) -> None:
        OfficialAccount.objects.update(answers_at_root=False)
        wechat_goes_astray("/", A)

        assert status_of(brand_a).text.startswith("WeChat called the bare domain at ")

    def test_bots_and_addresses_that_resemble_another_account_are_ignored(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount, client: Client
    ) -> None:
        wechat_verifies(brand_b, B)
        client.get("/wechat/brand-aa?signature=1")
        wechat_goes_astray("/wechat/brand-bb", "Nonsense")
        wechat_goes_astray("/wechat/xyz", "Nonsense")

        assert status_of(brand_a).text == "WeChat has not called yet"
        assert status_of(brand_b).text.endswith("not enabled (启用) yet")


class TestSharedTokens:
    def test_each_of_two_accounts_with_one_token_names_the_other(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        rotate_token(brand_b, A, LI_WEI)
        statuses = [status_of(account) for account in (brand_a, brand_b)]

        assert [(one.level, one.text) for one in statuses] == [
            (Level.WARNING, "Has the same token as “Brand-B”"),
            (Level.WARNING, "Has the same token as “Brand-A”"),
        ]
        rotate_token(brand_b, NEW, LI_WEI, keep_old=timedelta(0))
        assert status_of(brand_a).level is Level.VERIFIED


class TestRotations:
    def test_a_rotation_that_wechat_has_not_followed_needs_attention(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        rotate_token(brand_a, NEW, LI_WEI)
        fresh = status_of(brand_a)
        assert fresh.text == "Rotation unfinished: WeChat still uses the old token"
        assert (fresh.level, fresh.badge) == (Level.WARNING, "warn")
        assert fresh.advice.startswith("Paste the current token into the console")
        rotate_token(brand_a, f"{NEW}8", LI_WEI, keep_old=timedelta(hours=1))
        assert "the old token ends" in status_of(brand_a).text

        wechat_verifies(brand_a, f"{NEW}8")
        assert status_of(brand_a).level is Level.VERIFIED

    def test_a_strangers_call_does_not_make_an_ended_rotation_a_failure(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(0))
        wechat_verifies(brand_a, "Nonsense", source=STRANGER)
        assert status_of(brand_a).level is Level.WARNING

        wechat_verifies(brand_a, A)
        assert status_of(brand_a).level is Level.FAILING

    def test_a_rotation_before_wechats_first_call_needs_no_attention(
        self, brand_a: OfficialAccount
    ) -> None:
        rotate_token(brand_a, NEW, LI_WEI)

        assert status_of(brand_a).text == "WeChat has not called yet"

    def test_an_old_token_that_ended_while_wechat_used_it_needs_attention_at_once(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        wechat_pushes(brand_a, A)
        rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(0))
        broken = "WeChat has not used the new token; the old one ended "

        assert status_of(brand_a).text.startswith(broken)
        assert status_of(brand_a).level is Level.WARNING
        assert wechat_pushes(brand_a, A) == 403
        assert status_of(brand_a).text.startswith(broken)
        assert status_of(brand_a).level is Level.FAILING

    def test_an_old_token_that_ends_in_an_hour_needs_attention_before_and_after(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(hours=1))

        assert "the old token ends" in status_of(brand_a, in_hours=0.9).text
        assert "the old one ended" in status_of(brand_a, in_hours=1.1).text

    def test_refused_pushes_with_a_retired_token_need_attention(
        self, brand_a: OfficialAccount
    ) -> None:
        rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(0))
        wechat_verifies(brand_a, NEW)
        assert wechat_pushes(brand_a, A) == 403

        assert status_of(brand_a).text == "Refused: retired token"

    def test_refused_pushes_without_any_token_need_attention(
        self, brand_a: OfficialAccount
    ) -> None:
        Token.objects.all().delete()
        assert wechat_pushes(brand_a, A) == 403

        assert status_of(brand_a).text == "Refused: no token yet"


class TestReplies:
    def test_a_backend_that_is_always_too_slow_needs_attention_for_an_hour(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_pushes(brand_a, A)
        give_backend(brand_a)
        count_deliveries(brand_a, DeliveryResult.DELIVERED, 12)
        count_deliveries(brand_a, DeliveryResult.TIMEOUT, 12)

        status = status_of(brand_a)
        assert status.level is Level.WARNING
        assert status.text == (
            "12 of 24 deliveries of the last hour brought no reply: no answer in time"
        )
        assert status_of(brand_a, in_hours=1.3).level is Level.RECEIVING

    def test_messages_that_no_worker_delivers_need_attention(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_pushes(brand_a, A)
        give_backend(brand_a)
        keep_waiting(brand_a, 2)
        status = status_of(brand_a)
        assert (status.level, status.text) == (
            Level.WARNING,
            "2 messages wait · no worker runs: start manage.py worker",
        )

        WatchPosition.objects.create(began_at=timezone.now(), held_until=timezone.now())
        assert status_of(brand_a).text == "Receiving messages · 2 messages wait"

    @pytest.mark.parametrize(("delivered", "late"), [(5, 2), (1000, 40)])
    def test_a_hiccup_needs_no_attention(
        self, brand_a: OfficialAccount, delivered: int, late: int
    ) -> None:
        wechat_pushes(brand_a, A)
        give_backend(brand_a)
        count_deliveries(brand_a, DeliveryResult.DELIVERED, delivered)
        count_deliveries(brand_a, DeliveryResult.TIMEOUT, late)

        assert status_of(brand_a).level is Level.RECEIVING


class TestSilence:
    def test_an_unusual_silence_needs_attention(self, brand_a: OfficialAccount) -> None:
        was_pushed_to(brand_a, range(5, 40))
        assert status_of(brand_a).text.startswith("No messages since ")
        was_pushed_to(brand_a, range(1, 2))
        assert status_of(brand_a).level is Level.RECEIVING

    @pytest.mark.parametrize("days", [1, 5, 6.2, 6.9, 7, 7.1, 30])
    def test_a_long_silence_still_needs_attention(
        self, brand_a: OfficialAccount, days: float
    ) -> None:
        was_pushed_to(brand_a, range(int(24 * days), int(24 * days) + 24 * 10))

        assert status_of(brand_a).text.startswith("No messages since ")

    def test_only_the_last_week_of_pushes_decides_what_is_usual(
        self, brand_a: OfficialAccount
    ) -> None:
        was_pushed_to(brand_a, range(5, 100))
        was_pushed_to(brand_a, range(5 + 24 * 7 + 1, 5 + 24 * 7 + 2))

        assert status_of(brand_a).level is Level.WARNING

    @pytest.mark.parametrize(("hours", "level"), [(167, Level.RECEIVING), (169, Level.QUIET)])
    def test_an_account_with_few_messages_is_quiet_after_a_week(
        self, brand_a: OfficialAccount, hours: int, level: Level
    ) -> None:
        was_pushed_to(brand_a, range(hours, hours + 3))
        status = status_of(brand_a)

        assert status.level is level
        assert status.text.startswith("Last message on 20") == (level is Level.QUIET)
