"""The self-test: its button on the account page, and the page with its result."""

from __future__ import annotations

import html
import re
import shlex
import subprocess
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, override_settings
from django.urls import reverse

from verification.accounts.pausing import pause
from verification.accounts.tokens import rotate_token
from verification.admin.accounts import self_tests
from verification.admin.base import account_url
from verification.change_log import Actor
from verification.fields import Secret
from verification.models import AESKey, OfficialAccount, VerificationAttempt
from verification.protocol.enums import Kind, Outcome
from verification.self_test import client
from verification.tests.support import fake_server
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, last_attempt
from verification.tests.support.admin_client import staff, wecom_verifies
from verification.tests.support.fake_server import serving
from verification.tests.support.gunicorn import (
    Gunicorn,
    free_port,
)
from verification.tests.support.messages import AES_KEY, OTHER_AES_KEY
from verification.tests.support.wecom import make_wecom_app

BUTTON = "Test from this server"


def url_of(account: OfficialAccount) -> str:
    return reverse("admin:self_test", args=[account.pk])


def account_page(client: Client, account: OfficialAccount) -> str:
    return client.get(reverse("admin:verification_officialaccount_change", args=[account.pk])).text


@pytest.fixture
def public_gateway(gunicorn: Gunicorn, settings: Any) -> Gunicorn:
    settings.PUBLIC_URL = gunicorn.url
    return gunicorn


class TestTheButton:
    def test_it_is_there_for_who_may_change_the_account_or_its_token(
        self, brand_a: OfficialAccount, settings: Any
    ) -> None:
        settings.PUBLIC_URL = "https://wx.example.cn"
        client = staff("view_officialaccount", "rotate_token")

        assert f'action="{url_of(brand_a)}"' in account_page(client, brand_a)

    def test_without_public_url_it_is_off_and_says_so(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        text = account_page(li_wei_at_work, brand_a)
        assert BUTTON in text
        assert "needs PUBLIC_URL" in text
        assert url_of(brand_a) not in text

        assert li_wei_at_work.post(url_of(brand_a)).status_code == 302
        assert not VerificationAttempt.objects.exists()

    def test_without_a_token_it_is_off_and_says_so(
        self, li_wei_at_work: Client, settings: Any, db: None
    ) -> None:
        settings.PUBLIC_URL = "https://wx.example.cn"
        empty = make_account("empty")

        assert "needs a token" in account_page(li_wei_at_work, empty)
        assert li_wei_at_work.post(url_of(empty)).status_code == 302

    def test_nobody_else_may_press_it(self, brand_a: OfficialAccount, settings: Any) -> None:
        settings.PUBLIC_URL = "https://wx.example.cn"
        client = staff("view_officialaccount", "reveal_token", "view_verificationattempt")

        assert BUTTON not in account_page(client, brand_a)
        assert client.post(url_of(brand_a)).status_code == 403
        assert Client().post(url_of(brand_a)).status_code == 302

    def test_a_link_or_another_site_cannot_press_it(
        self, li_wei: User, brand_a: OfficialAccount, settings: Any
    ) -> None:
        settings.PUBLIC_URL = "https://wx.example.cn"
        client = Client(enforce_csrf_checks=True)
        client.force_login(li_wei)

        assert client.get(url_of(brand_a)).status_code == 302
        assert client.post(url_of(brand_a)).status_code == 403

    def test_no_other_target_can_be_given(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any
    ) -> None:
        with serving(fake_server.right) as own, serving(fake_server.right) as other:
            settings.PUBLIC_URL = own.url
            targets = dict.fromkeys(("url", "host", "target", "PUBLIC_URL"), other.url)
            query = urlencode(targets)
            li_wei_at_work.post(
                f"{url_of(brand_a)}?{query}", targets, headers={"Host": "localhost"}
            )

            assert own.received.startswith(b"GET /wechat/brand-a?signature=")
            assert other.received == b""

    def test_a_wecom_app_needs_its_key_as_well(
        self, li_wei_at_work: Client, settings: Any, db: None
    ) -> None:
        settings.PUBLIC_URL = "https://wx.example.cn"
        app = make_wecom_app("service", A, key="")

        assert "needs an EncodingAESKey" in account_page(li_wei_at_work, app)
        text = li_wei_at_work.post(url_of(app), follow=True).text
        assert "The account has no EncodingAESKey." in text
        assert not VerificationAttempt.objects.exists()

    def test_a_lost_key_of_a_wecom_app_is_named(
        self, li_wei_at_work: Client, settings: Any, db: None
    ) -> None:
        settings.PUBLIC_URL = "https://wx.example.cn"
        app = make_wecom_app("service", A)
        with override_settings(TOKEN_ENCRYPTION_KEYS=["another-key-" * 4]):
            lost = Secret.of(AES_KEY)
        AESKey.objects.update(secret=lost)

        text = li_wei_at_work.post(url_of(app), follow=True).text
        assert 'class="error">The EncodingAESKey cannot be decrypted.' in text

    def test_a_lost_encryption_key_is_said_in_a_sentence(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any
    ) -> None:
        settings.PUBLIC_URL = "https://wx.example.cn"
        settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4]
        text = li_wei_at_work.post(url_of(brand_a), follow=True).text

        assert (
            "Put the key that encrypted it back behind the newest one in TOKEN_ENCRYPTION_KEYS"
            in text
        )


class TestTheResult:
    def test_the_check_of_wecom_passes_as_well(
        self, li_wei_at_work: Client, public_gateway: Gunicorn, li_wei: User
    ) -> None:
        app = make_wecom_app("service", A)
        text = li_wei_at_work.post(url_of(app)).text
        attempt = last_attempt()

        assert "WeCom would accept this answer" in text
        assert (attempt.kind, attempt.outcome) == (Kind.SELF_TEST, Outcome.ACCEPTED)
        assert attempt.account == app
        assert "https://developer.work.weixin.qq.com/resource/devtool" in text
        assert "curl --http1.1" in text

    def test_a_key_that_does_not_fit_wecoms_own_check_is_named(
        self, li_wei_at_work: Client, public_gateway: Gunicorn, li_wei: User
    ) -> None:
        """Li Wei has pasted the EncodingAESKey of another app here."""
        app = make_wecom_app("service", A)
        wecom_verifies(app, A, key=OTHER_AES_KEY)
        text = html.unescape(li_wei_at_work.post(url_of(app)).text)

        assert "WeCom's own check would probably fail." in text
        assert "It is the decrypted echostr, byte for byte." in text
        assert '<th scope="row">EncodingAESKey</th>' in text
        assert (
            "nothing that WeCom has sent so far fits that key and the CorpID. Compare the" in text
        )

    def test_everything_passes_and_the_attempt_is_linked(
        self, li_wei_at_work: Client, public_gateway: Gunicorn, brand_a: OfficialAccount
    ) -> None:
        text = li_wei_at_work.post(url_of(brand_a)).text
        attempt = last_attempt()

        assert "WeChat would accept this answer, but something needs attention." in text
        assert "WeChat cannot reach it: the address is local" in text
        assert text.count("Passed") in {5, 6}  # On a busy machine, the time is a warning.
        assert (attempt.kind, attempt.outcome) == (Kind.SELF_TEST, Outcome.ACCEPTED)
        assert reverse("admin:verification_verificationattempt_change", args=[attempt.pk]) in text
        assert "does not prove that mainland China reaches this server" in text
        assert "https://developers.weixin.qq.com/apiExplorer?type=messagePush" in text
        assert A not in text

    def test_another_language_leads_to_the_account_and_sends_nothing(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any
    ) -> None:
        settings.PUBLIC_URL = f"http://127.0.0.1:{free_port()}"
        text = li_wei_at_work.post(url_of(brand_a)).text

        assert f'name="next" value="{account_url(brand_a.pk)}"' in text

    def test_it_does_not_count_as_wechats_use_of_a_new_token(
        self, li_wei_at_work: Client, public_gateway: Gunicorn, brand_a: OfficialAccount
    ) -> None:
        rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI)
        assert "WeChat would accept this answer, but" in li_wei_at_work.post(url_of(brand_a)).text

        assert not brand_a.tokens.exclude(first_used_at=None).exists()
        assert not brand_a.tokens.exclude(expires_at=None).exists()

    def test_a_paused_account_fails_and_shows_what_was_said(
        self, li_wei_at_work: Client, public_gateway: Gunicorn, brand_a: OfficialAccount
    ) -> None:
        pause(brand_a, Actor("wang.fang"))
        text = li_wei_at_work.post(url_of(brand_a)).text

        assert "WeChat's own check would probably fail." in html.unescape(text)
        assert "It answers 403, not 200, and says “bad token”." in text
        assert last_attempt().kind == Kind.SELF_TEST

    def test_the_curl_works_by_hand_and_counts_as_a_self_test(
        self, li_wei_at_work: Client, public_gateway: Gunicorn, brand_a: OfficialAccount
    ) -> None:
        text = li_wei_at_work.post(url_of(brand_a)).text
        command = re.search(r'<code id="curl">(curl .*)</code>', text)
        assert command is not None
        output = subprocess.run(
            shlex.split(html.unescape(command[1])), capture_output=True, text=True, check=True
        ).stdout

        assert output.startswith("HTTP/1.1 200")
        assert [*VerificationAttempt.objects.values_list("kind", flat=True)] == [3, 3]

    def test_another_server_at_our_address_leaves_no_attempt(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any
    ) -> None:
        with serving(fake_server.as_a_page) as server:
            settings.PUBLIC_URL = server.url
            text = li_wei_at_work.post(url_of(brand_a)).text

        assert "another server answered it" in text
        assert "beginning with “&lt;html&gt;" in text

    def test_without_the_right_to_see_attempts_there_is_no_link(
        self, public_gateway: Gunicorn, brand_a: OfficialAccount
    ) -> None:
        text = staff("view_officialaccount", "rotate_token").post(url_of(brand_a)).text

        assert "WeChat would accept this answer, but" in text
        assert "/admin/verification/verificationattempt/" not in text

    @pytest.mark.django_db(transaction=True)
    def test_no_transaction_is_open_while_it_waits(
        self,
        li_wei_at_work: Client,
        brand_a: OfficialAccount,
        settings: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        settings.PUBLIC_URL = f"http://127.0.0.1:{free_port()}"
        seen = []
        real = client.probe_server_url

        def watch(*arguments: Any) -> Any:
            seen.append(connection.in_atomic_block)
            return real(*arguments)

        monkeypatch.setattr(self_tests, "probe_server_url", watch)
        text = li_wei_at_work.post(url_of(brand_a)).text
        assert seen == [False]
        assert "cannot be reached: connection refused." in text
