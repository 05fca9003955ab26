"""The status of an account that is refused, or whose address strangers call."""

from __future__ import annotations

from datetime import datetime, timedelta
from unittest import mock

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from verification.accounts.levels import Level
from verification.accounts.status import read_statuses
from verification.models import OfficialAccount, Tally, Token
from verification.models.noise import WECHAT_USER_AGENT
from verification.protocol.enums import Kind, Outcome
from verification.protocol.signature import compute_signature
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import (
    STRANGER,
    call,
    we_test,
    wechat_pushes,
    wechat_verifies,
)
from verification.tests.support.messages import (
    AES_KEY,
    OTHER_AES_KEY,
    encrypted_push,
    store_aes_key,
    text_message,
)
from verification.tests.support.signer import push
from verification.tests.support.statuses import status_of
from verification.tests.support.tallies import was_pushed_to


class TestRefusals:
    def test_a_refusal_names_its_cause_until_a_verification_passes(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, B)
        refused = status_of(brand_a)
        assert (refused.level, refused.text) == (Level.FAILING, "Refused: token of “Brand-B”")
        assert refused.facts.refused_in_24_h == 1

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

        assert status_of(brand_a, in_hours=23.99).facts.refused_in_24_h == 2
        assert status_of(brand_a, in_hours=25).facts.refused_in_24_h == 0

    def test_calls_that_share_a_row_do_not_make_the_day_longer(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, "Nonsense")
        hour = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(hours=25)
        kind, outcome = Kind.URL_VERIFICATION.value, Outcome.REFUSED.value
        Tally.objects.create(account=brand_b, hour=hour, kind=kind, outcome=outcome, count=9)

        assert status_of(brand_a, in_hours=25).facts.refused_in_24_h == 0

    def test_neither_self_tests_nor_bots_are_counted(
        self, brand_a: OfficialAccount, client: Client
    ) -> None:
        we_test(brand_a, "Nonsense")
        client.get(brand_a.server_path)
        client.head(brand_a.server_path)

        assert status_of(brand_a).facts.refused_in_24_h == 0

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
        assert forged.text.endswith(": message not marked as encrypted")

        for _again in range(2):
            send(text_message("forged", msg_id="2"), push(A))
        assert status_of(brand_a).text == "Refused: message not marked as encrypted"

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
            "The EncodingAESKey or the AppID here does not fit",
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
        assert status.level.badge == "bad"
        assert status.advice.startswith("The signature matches no token that is stored here")
        assert status.attempt is not None
        assert status.attempt.pk == 2
        wechat_verifies(brand_a, A)
        assert (status_of(brand_a).level, status_of(brand_a).attempt) == (Level.VERIFIED, None)

    @pytest.mark.parametrize("is_after_success", [True, False])
    def test_calls_from_many_networks_do_not_hide_the_token_of_another_account(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount, is_after_success: bool
    ) -> None:
        if is_after_success:
            wechat_verifies(brand_a, A)
        wechat_verifies(brand_a, B, "198.51.100.7")
        for number in range(8):
            wechat_verifies(brand_a, f"Nonsense{number}", f"203.0.{number}.7")

        assert status_of(brand_a).text == "Refused: token of “Brand-B”"
        assert status_of(brand_a).level is Level.FAILING

    def test_the_digits_of_a_copied_url_make_no_failure(self, brand_a: OfficialAccount) -> None:
        """The same signature fits the digits of timestamp and nonce, divided elsewhere."""
        wechat_verifies(brand_a, A)
        digest = compute_signature(A, "1714036504", "1514711492").hex()
        query = f"signature={digest}&timestamp=15&nonce=147114921714036504&echostr=1"
        Client(REMOTE_ADDR=STRANGER).get(f"{brand_a.server_path}?{query}")

        assert status_of(brand_a).level is Level.VERIFIED

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
        assert [problem.name for problem in status.problems] == ["refused", "silent"]

    def test_a_refused_push_that_nothing_follows_stays_a_failure(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        wechat_pushes(brand_a, "Nonsense")

        assert status_of(brand_a, in_hours=100).level is Level.FAILING


class TestJunk:
    """Calls that anybody can make neither hide the cause nor make an account fail."""

    @pytest.mark.parametrize("count", [3, 30, 300])
    def test_junk_does_not_hide_a_refusal_with_a_known_cause(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount, count: int
    ) -> None:
        wechat_verifies(brand_a, A)
        call_with_junk(brand_a, 30)
        wechat_verifies(brand_a, B)
        call_with_junk(brand_a, count)
        status = status_of(brand_a)

        assert (status.level, status.text) == (Level.FAILING, "Refused: token of “Brand-B”")

    def test_junk_of_one_source_does_not_hide_a_refusal_from_it(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, B)
        for _again in range(40):
            wechat_verifies(brand_a, "Nonsense")

        assert status_of(brand_a).text == "Refused: token of “Brand-B”"

    def test_the_newest_of_several_mistakes_is_named(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        """No stored token made its signature, so a comparison of signatures does not find it."""
        for token in (B, B, A[:-1], "Nonsense1", "Nonsense2"):
            wechat_verifies(brand_a, token, nonce=str(brand_a.attempts.count()))

        assert status_of(brand_a).text == "Refused: token with characters missing"

    def test_junk_of_many_sources_does_not_hide_an_unknown_token_of_wechats_network(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        wechat_verifies(brand_a, "Nonsense")
        for number in range(40):
            wechat_verifies(brand_a, "Nonsense", f"203.0.{number}.9")
        status = status_of(brand_a)

        assert (status.level, status.attempt.pk if status.attempt else 0) == (Level.FAILING, 2)

    def test_before_the_first_success_a_call_of_wechats_user_agent_is_shown(
        self, brand_a: OfficialAccount
    ) -> None:
        call(brand_a.server_path, "Nonsense", **{"User-Agent": WECHAT_USER_AGENT})
        call_with_junk(brand_a, 30)
        status = status_of(brand_a)

        assert status.text == "Refused: unknown token"
        assert status.attempt is not None
        assert status.attempt.pk == 1

    def test_before_the_first_success_junk_is_a_warning(self, brand_a: OfficialAccount) -> None:
        call_with_junk(brand_a, 1)
        assert status_of(brand_a).level is Level.WARNING
        call_with_junk(brand_a, 30)
        assert status_of(brand_a).level is Level.WARNING

    @pytest.mark.parametrize("guess", ["brand-a", "wx0000000000000000", "gh_0000000000aa"])
    def test_a_value_that_is_no_secret_does_not_make_an_account_fail(
        self, brand_a: OfficialAccount, guess: str
    ) -> None:
        OfficialAccount.objects.update(app_id="wx0000000000000000", original_id="gh_0000000000aa")
        wechat_verifies(brand_a, A)
        for _again in range(4):
            wechat_verifies(brand_a, guess, STRANGER)

        assert status_of(brand_a).level is Level.WARNING
        assert "in place of the token" in status_of(brand_a).text

    def test_an_account_without_a_token_does_not_fail_because_of_junk(
        self, brand_a: OfficialAccount
    ) -> None:
        Token.objects.all().delete()
        call_with_junk(brand_a, 3)
        status = status_of(brand_a)

        assert (status.level, status.text) == (Level.WARNING, "Refused: no token yet")

    def test_a_cause_that_is_history_does_not_hide_a_later_refusal(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        wechat_verifies(brand_a, B)
        recording_time = "verification.callbacks.recording.recording_time"
        with mock.patch(recording_time, return_value=in_a_day()):
            wechat_verifies(brand_a, "Nonsense")

        assert status_of(brand_a, in_hours=25).text == "Refused: unknown token"

    def test_the_number_of_queries_does_not_depend_on_junk(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        numbers = []
        for _more in range(3):
            for account in (brand_a, brand_b):
                call_with_junk(account, 5)
            with CaptureQueriesContext(connection) as queries:
                read_statuses([brand_a, brand_b])
            numbers.append(len(queries))

        assert len(set(numbers)) == 1


def call_with_junk(account: OfficialAccount, count: int) -> None:
    """Call the account as anybody can, from a stranger's address."""
    for _again in range(count):
        wechat_verifies(account, "Nonsense", STRANGER)


def in_a_day() -> datetime:
    return timezone.now() + timedelta(hours=24.5)
