"""The advice on what the console answered, from the last ten minutes of the log."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

import pytest
from django.test import Client
from django.utils import timezone

from verification.accounts.pausing import pause, resume
from verification.accounts.tokens import rotate_token
from verification.change_log import Actor
from verification.models import Backend, OfficialAccount, VerificationAttempt
from verification.models.noise import WECHAT_USER_AGENT
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import (
    STRANGER,
    open_account,
    we_test,
    wechat_goes_astray,
    wechat_pushes,
    wechat_verifies,
)
from verification.tests.support.backend import set_backend
from verification.tests.support.signer import verification
from verification.tests.support.tampering import as_owner
from verification.tests.support.wecom import make_wecom_app

NEW = "NewTokenOfBrandA99"
WECHAT = Client(headers={"User-Agent": WECHAT_USER_AGENT})


@pytest.mark.parametrize(
    ("answer", "nothing", "refused", "accepted"),
    [
        ("success", "holds another server URL", "or the success is an older", "Set a backend"),
        ("token", "another host answered", "token of “Brand-B”", "changed or replaced it"),
        ("timeout", "port 80 or 443", "token of “Brand-B”", "reached WeChat too late"),
        ("error", "names no cause", "token of “Brand-B”", "names no cause"),
    ],
)
def test_it_is_crossed_with_the_last_ten_minutes(
    li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount,
    answer: str, nothing: str, refused: str, accepted: str,
) -> None:  # fmt: skip
    assert nothing in advice(li_wei_at_work, brand_a, answer)
    wechat_verifies(brand_a, B)
    assert refused in advice(li_wei_at_work, brand_a, answer)
    wechat_verifies(brand_a, A)
    assert accepted in advice(li_wei_at_work, brand_a, answer)


def test_ten_minutes_later_it_is_not_recent_any_more(
    li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    wechat_verifies(brand_a, B)
    for minutes, sentence in [
        (9.9, "Put the token of “Brand-A” or the server URL of “Brand-B” into"),
        (10.1, "If the console says this of a newer call, another host answered it"),
    ]:
        then = timezone.now() + timedelta(minutes=minutes)
        with mock.patch("django.utils.timezone.now", return_value=then):
            assert sentence in advice(li_wei_at_work, brand_a, "token")


def test_a_call_to_a_paused_account_is_a_call(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    pause(brand_a, Actor("wang.fang"))
    wechat_verifies(brand_a, A)

    assert "was paused by wang.fang" in advice(li_wei_at_work, brand_a, "token")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (
            f"msg_signature={'5c45ff5e' * 5}&timestamp=1&nonce=2&echostr=P9nAzC",
            "as WeCom (企业微信) sends",
        ),
        (f"{verification(A)}&nonce=3", "The parameter nonce was repeated"),
    ],
)
def test_a_call_that_was_not_judged_is_a_call(
    li_wei_at_work: Client, brand_a: OfficialAccount, query: str, sentence: str
) -> None:
    Client().get(f"{brand_a.server_path}?{query}")

    assert sentence in advice(li_wei_at_work, brand_a, "token")


def test_a_verification_that_was_judged_says_more(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    wechat_verifies(brand_a, A)
    Client().get(f"{brand_a.server_path}?{verification(A)}&nonce=3")

    assert "changed or replaced it" in advice(li_wei_at_work, brand_a, "token")


def test_neither_browsers_nor_our_own_tests_are_calls(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    Client().get(brand_a.server_path)
    we_test(brand_a, "Nonsense")

    assert "another host answered" in advice(li_wei_at_work, brand_a, "token")


def test_success_with_the_previous_token_is_said_to_be_that(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    old = brand_a.tokens.get().fingerprint
    rotate_token(brand_a, NEW, LI_WEI)
    wechat_verifies(brand_a, A)
    text = advice(li_wei_at_work, brand_a, "success")

    assert f"Verified with the previous token {old}. Paste the new one" in text
    assert "Enable" not in text


def test_after_a_success_it_says_what_is_left_to_do(
    li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    wechat_verifies(brand_a, A)
    later = timezone.now() + timedelta(minutes=20)
    with mock.patch("django.utils.timezone.now", return_value=later):
        assert "Set a backend before you press Enable" in advice(li_wei_at_work, brand_a, "success")
    set_backend(brand_b, "https://crm.example.cn/wechat")
    wechat_verifies(brand_b, B)
    assert "menu, press Enable" in advice(li_wei_at_work, brand_b, "success")

    wechat_pushes(brand_a, A)
    assert "messages arrive. Set a backend" in advice(li_wei_at_work, brand_a, "success")
    set_backend(brand_a, "https://crm.example.cn/wechat")
    assert "nothing is left to do" in advice(li_wei_at_work, brand_a, "success")


def test_a_strangers_call_does_not_hide_a_success(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    wechat_verifies(brand_a, A)
    wechat_verifies(brand_a, "Nonsense", STRANGER)

    assert "Verified with the current token" in advice(li_wei_at_work, brand_a, "success")


def test_a_refusal_after_a_success_is_all_that_is_said(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    wechat_pushes(brand_a, A)
    wechat_verifies(brand_a, A)
    wechat_verifies(brand_a, "Nonsense")
    text = advice(li_wei_at_work, brand_a, "success")

    assert "The signature matches no token that is stored here" in text
    assert "Verified" not in text


def test_something_is_left_to_do_while_the_backend_fails(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    wechat_verifies(brand_a, A)
    wechat_pushes(brand_a, A)
    set_backend(brand_a, "https://crm.example.cn/wechat")
    Backend.objects.update(failing_since=timezone.now() - timedelta(minutes=5))
    text = advice(li_wei_at_work, brand_a, "success")

    assert "Verified with the current token. Backend failing since" in text
    assert "nothing is left" not in text


def test_where_messages_arrive_nobody_is_told_that_wechat_has_not_called(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    wechat_pushes(brand_a, A)
    for answer in ("token", "timeout"):
        text = advice(li_wei_at_work, brand_a, answer)
        assert "but its messages arrive" in text
        assert "has not" not in text


@pytest.mark.parametrize("answer", ["token", "timeout"])
def test_a_call_to_a_mistyped_address_is_named_and_no_other_host_is_blamed(
    li_wei_at_work: Client, brand_a: OfficialAccount, answer: str
) -> None:
    wechat_goes_astray("/wechat/brand-aa", A)
    text = advice(li_wei_at_work, brand_a, answer)

    assert "WeChat called another address at " in text
    assert "brand-aa" in text
    assert "another host" not in text
    assert "has not reached" not in text


def test_a_call_to_a_mistyped_address_is_named_rather_than_a_refusal_before_it(
    li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    wechat_verifies(brand_a, B)
    wechat_goes_astray("/wechat/brand-aa", A)
    text = advice(li_wei_at_work, brand_a, "token")

    assert "WeChat called another address at " in text
    assert "Brand-B" not in text


@pytest.mark.parametrize("answer", ["token", "timeout"])
def test_a_call_to_another_account_with_this_token_is_named(
    li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount, answer: str
) -> None:
    wechat_verifies(brand_a, "Nonsense")
    wechat_verifies(brand_b, A)
    text = advice(li_wei_at_work, brand_a, answer)

    assert "WeChat called “Brand-B” at " in text
    assert "with the token of “Brand-A”. Replace the server URL in the console" in text
    assert "another host" not in text
    wechat_verifies(brand_a, A)
    assert "Brand-B" not in advice(li_wei_at_work, brand_a, answer)
    later = timezone.now() + timedelta(minutes=11)
    with mock.patch("django.utils.timezone.now", return_value=later):
        assert "Brand-B" not in advice(li_wei_at_work, brand_a, answer)


def test_a_call_to_an_account_on_another_platform_is_named_as_well(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    app = make_wecom_app("service", B)
    wechat_verifies(app, A)

    assert "WeChat called “Service” at " in advice(li_wei_at_work, brand_a, "token")
    assert "“Brand-A” at" not in advice(li_wei_at_work, app, "failed")


class TestLostQuery:
    """A call with WeChat's user agent, but without a query string."""

    @pytest.mark.parametrize("answer", ["token", "timeout"])
    def test_a_proxy_that_drops_the_query_string_is_blamed(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, answer: str
    ) -> None:
        wechat_verifies(brand_a, "Nonsense")
        WECHAT.get(brand_a.server_path)
        text = advice(li_wei_at_work, brand_a, answer)

        assert "something on the way has probably removed the query string" in text
        assert "token that is stored here" not in text

    def test_only_a_check_that_fails_is_explained_by_it(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        WECHAT.get(brand_a.server_path)
        assert "holds another server URL" in advice(li_wei_at_work, brand_a, "success")
        wechat_verifies(brand_a, A)
        assert "changed or replaced it" in advice(li_wei_at_work, brand_a, "token")

    def test_notices_of_another_product_do_not_hide_a_wrong_token(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        WECHAT.post(brand_a.server_path)
        assert "WeChat Pay or another product" in advice(li_wei_at_work, brand_a, "token")
        wechat_verifies(brand_a, "Nonsense")
        WECHAT.post(brand_a.server_path)
        assert "matches no token" in advice(li_wei_at_work, brand_a, "token")


def test_an_account_without_a_token_is_told_to_take_one(li_wei_at_work: Client) -> None:
    empty = make_account("empty")

    assert "has no token, so every check is refused" in advice(li_wei_at_work, empty, "token")


def test_a_pause_is_named_whatever_else_is_wrong(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    pause(brand_a, Actor("wang.fang"))
    assert "The account is paused: resume it" in advice(li_wei_at_work, brand_a, "token")

    wechat_verifies(brand_a, A)
    assert "Resume it if that was not intended" in advice(li_wei_at_work, brand_a, "token")
    resume(brand_a, LI_WEI)
    text = advice(li_wei_at_work, brand_a, "token")
    assert "The account has been resumed since" in text
    assert "Resume it" not in text


@pytest.mark.parametrize("answer", ["token", "timeout", "success"])
def test_a_pause_is_all_that_is_said(
    li_wei_at_work: Client, brand_a: OfficialAccount, answer: str
) -> None:
    wechat_verifies(brand_a, A)
    pause(brand_a, LI_WEI)
    text = advice(li_wei_at_work, brand_a, answer).partition(">")[2]
    assert text.startswith("The account is paused: resume it before you press Submit")
    assert "changed or replaced" not in text

    wechat_verifies(brand_a, A)
    assert "changed or replaced" not in advice(li_wei_at_work, brand_a, answer)
    resume(brand_a, LI_WEI)
    assert "changed or replaced" not in advice(li_wei_at_work, brand_a, answer)


@pytest.mark.parametrize("token", [A, "Nonsense"])
@pytest.mark.parametrize(("microseconds", "is_slow"), [(1_000_001, True), (1_000_000, False)])
def test_a_slow_answer_is_blamed_for_a_time_out(
    li_wei_at_work: Client, brand_a: OfficialAccount, token: str, microseconds: int,
    is_slow: bool,
) -> None:  # fmt: skip
    wechat_verifies(brand_a, token)
    as_owner(VerificationAttempt, f"UPDATE {{table}} SET duration = {microseconds}")

    assert ("We took 1.0 s" in advice(li_wei_at_work, brand_a, "timeout")) == is_slow
    assert "We took" not in advice(li_wei_at_work, brand_a, "token")


def advice(client: Client, account: OfficialAccount, answer: str) -> str:
    text = open_account(client, account, console=answer)
    return text.partition('class="advice"')[2].partition("</p>")[0]
