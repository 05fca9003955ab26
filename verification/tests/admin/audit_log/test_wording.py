"""The auditor's pages use one word for one thing, and mark what is chosen."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from verification.accounts.pausing import pause
from verification.models import OfficialAccount
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A, B, last_attempt
from verification.tests.support.admin_client import page, wechat_verifies

LIST = "/admin/verification/verificationattempt/"
SIGN_OFF = "/admin/verification/changeevent/sign-offs/new/"
CHINESE = {"Accept-Language": "zh-hans"}


def test_noise_has_one_name_in_chinese(li_wei_at_work: Client) -> None:
    for url in (LIST, SIGN_OFF):
        text = li_wei_at_work.get(url, headers=CHINESE).text

        assert "另有：" in text
        assert "无关扫描请求" in text
        assert "噪声" not in text


def test_a_refusal_is_worded_unlike_the_change_that_led_to_it(
    brand_a: OfficialAccount, li_wei_at_work: Client
) -> None:
    pause(brand_a, LI_WEI)
    wechat_verifies(brand_a, A)
    list_of_attempts = li_wei_at_work.get(LIST, headers=CHINESE).text
    change_log = li_wei_at_work.get(page("changeevent_changelist"), headers=CHINESE).text

    assert '<span class="what">账号已暂停' in list_of_attempts
    assert "暂停账号" in change_log


def test_days_typed_in_backwards_are_called_that(li_wei_at_work: Client) -> None:
    days = {"first": "2026-03-02", "last": "2026-03-01"}
    text = li_wei_at_work.get(LIST, days, follow=True).text

    assert "“Through” is before “From”, so the list is empty." in text
    assert "address" not in text.partition('class="messagelist"')[2].partition("</ul>")[0]


@pytest.mark.parametrize(
    ("outcome", "chosen", "counted"),
    [
        ("", ["Brand-A"], "3 URL verifications: 1 accepted, 2 refused"),
        ("accepted", ["Brand-A", "Accepted"], "1 URL verification: 1 accepted, 0 refused"),
        ("refused", ["Brand-A", "Refused"], "2 URL verifications: 0 accepted, 2 refused"),
    ],
)
def test_what_is_listed_is_named_and_counted(
    brand_a: OfficialAccount, li_wei_at_work: Client, outcome: str, chosen: list[str], counted: str
) -> None:
    for token in (A, B, B):
        wechat_verifies(brand_a, token)
    text = li_wei_at_work.get(LIST, {"account": str(brand_a.pk), "outcome": outcome}).text
    selected = re.findall(r"<option[^>]* selected>([^<]*)<", text)

    assert re.findall(r'class="chosen">([^<]*)<', text) == chosen
    assert [option for option in selected if option != "All"] == [*chosen, "URL verification"]
    assert counted in " ".join(text.split())


def test_earlier_and_later_say_of_which_account(
    brand_a: OfficialAccount, brand_b: OfficialAccount, li_wei_at_work: Client
) -> None:
    for account, token in [(brand_a, A), (brand_b, B), (brand_a, A)]:
        wechat_verifies(account, token)
    text = li_wei_at_work.get(page("verificationattempt_change", last_attempt().pk)).text
    pager = text.partition('class="pager"')[2].partition("</p>")[0]

    assert ">Brand-A</a>" in pager
    assert page("verificationattempt_change", last_attempt().pk - 2) in pager
