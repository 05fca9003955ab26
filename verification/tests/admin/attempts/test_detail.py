"""The page of one attempt: its cause, what was recorded, and the attempts around it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from verification.accounts.pausing import pause
from verification.callbacks import flood
from verification.callbacks.recording import verify
from verification.models import ChangeEvent, OfficialAccount, VerificationAttempt
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A, B, last_attempt
from verification.tests.support.admin_client import (
    call,
    open_list,
    page,
    staff,
    we_test,
    wechat_verifies,
)
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import verification

WECHAT = {"Host": "wx.example.cn", "User-Agent": "Mozilla/4.0"}


def open_attempt(client: Client, attempt: VerificationAttempt | None = None) -> str:
    number = (attempt or last_attempt()).pk
    return client.get(page("verificationattempt_change", number)).text


def words(text: str) -> str:
    """Return the text of the page without its markup."""
    content = text.partition('id="content-main"')[2]
    return " ".join(re.sub(r"<[^>]*>", " ", content).replace("&#x27;", "'").split())


def test_requests_that_a_flood_combined_are_shown_with_their_number(
    li_wei_at_work: Client, brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flood, "MAX_INDIVIDUAL_ROWS", 1)
    verify([make_callback(verification(B, nonce=str(number))) for number in range(1, 1_236)])
    text = words(open_attempt(li_wei_at_work))

    assert "Occurrences 1,234 identical requests that were combined" in text


class TestWhatHappened:
    def test_it_says_first_what_happened_and_what_to_do(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, B)
        text = words(open_attempt(li_wei_at_work))

        happened = text.index("This was signed with the token of “Brand-B”")
        to_do = text.index("Put the token of “Brand-A”")
        assert happened < to_do < text.index("Based on the tokens currently stored")
        assert to_do < text.index(" Request ") < text.index(" Response ") < text.index("Sealed")

    def test_its_title_says_number_outcome_account_and_time(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, "Nonsense")
        title = re.findall(r"<h1>(.*)</h1>", open_attempt(li_wei_at_work))

        assert re.fullmatch(
            rf"Attempt {last_attempt().pk} — ✕ Refused — Brand-A — [-\d]+ [:\d]+ \(UTC\+8\)",
            title[0],
        )

    def test_it_leads_to_the_accounts_that_it_names(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, B)
        text = open_attempt(li_wei_at_work)

        for account in (brand_a, brand_b):
            assert f'href="{page("officialaccount_change", account.pk)}">Open {account}<' in text

    def test_who_may_not_see_accounts_is_not_led_to_them(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, B)
        text = open_attempt(staff("view_verificationattempt"))

        assert "token of “Brand-B”" in text
        assert "Open Brand" not in text
        assert page("seal_change", 1) not in text

    @pytest.mark.parametrize(("token", "is_said"), [("Nonsense", True), (None, False)])
    def test_it_says_where_the_cause_depends_on_the_stored_tokens(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, token: str | None, is_said: bool
    ) -> None:
        if token:
            wechat_verifies(brand_a, token)
        else:
            Client().get(brand_a.server_path)

        assert ("currently stored" in open_attempt(li_wei_at_work)) == is_said

    def test_a_pause_is_named_with_its_time_and_leads_to_the_change_log(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        pause(brand_a, LI_WEI)
        entry = page("changeevent_change", ChangeEvent.objects.latest("id").pk)
        wechat_verifies(brand_a, A)
        text = open_attempt(li_wei_at_work)

        assert re.search(r"was paused by li.wei on [-\d]+ \d\d:\d\d \(UTC\+8\)", text)
        assert f'href="{entry}">Open the entry of the change log<' in text
        assert "currently stored" not in text
        assert entry not in open_attempt(staff("view_verificationattempt"))

    def test_remarks_stand_below_and_lead_to_what_they_are_about(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        for _time in range(2):
            call("/wechat/brand-a", A, **{"User-Agent": "curl/8.4"})
        text = open_attempt(li_wei_at_work)

        assert "Its user agent “curl/8.4” is not WeChat&#x27;s" in text
        assert f'<a href="{page("verificationattempt_change", last_attempt().pk - 1)}">Open' in text

    def test_two_clicks_lead_from_the_list_of_accounts_to_the_cause(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, B)
        first = re.findall(r'field-refused"><a href="([^"]*)"', open_list(li_wei_at_work))[0]
        attempts = li_wei_at_work.get(first.replace("&amp;", "&")).text
        second = re.findall(r'field-time"><a href="([^"?]*)', attempts)[0]

        assert "with the token of “Brand-B”" in li_wei_at_work.get(second).text


class TestOnRecord:
    def test_a_timestamp_that_no_clock_has_is_shown_without_a_difference(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A, timestamp="99999999999999999999")
        text = words(open_attempt(li_wei_at_work))

        assert "Timestamp 99999999999999999999 not the time of a request" in text

    def test_it_leads_to_its_account_and_to_everything_around_its_time(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        text = open_attempt(li_wei_at_work)
        [around_it] = re.findall(r'href="([^"]*)">Everything around this time<', text)

        assert f'href="{page("officialaccount_change", brand_a.pk)}">Brand-A</a>' in text
        assert url(last_attempt()) in li_wei_at_work.get(around_it.replace("&amp;", "&")).text

    def test_request_and_response_are_shown_with_units(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        call("/wechat/brand-a", "Nonsense", **WECHAT)
        text = words(open_attempt(li_wei_at_work))

        assert "GET http://wx.example.cn/wechat/brand-a URL verification" in text
        assert "Mozilla/4.0 usual for WeChat" in text
        assert re.search(r"Timestamp 1714036504 \d+ days behind our clock", text)
        assert bytes(last_attempt().signature or b"").hex() in text
        assert "4375120948345356249 19 characters" in text
        assert "403 bad token Reason Signature mismatch" in text
        assert re.search(r"Response time \d+\.\d ms", text)
        assert f"Request id {last_attempt().request_id}" in text
        assert "The console shows token验证失败" in text

    def test_what_passed_was_answered_its_echostr(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        call("/wechat/brand-a", A, **WECHAT)
        text = words(open_attempt(li_wei_at_work))

        assert "200 4375120948345356249" in text
        assert "The console shows 提交成功" in text

    def test_no_console_shows_anything_of_our_own_test(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        we_test(brand_a, A)

        assert "The console shows" not in open_attempt(li_wei_at_work)

    def test_what_nobody_sent_is_left_out(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        Client().get(brand_a.server_path)
        text = words(open_attempt(li_wei_at_work))
        request = text.partition(" Request ")[2].partition(" Response ")[0]

        assert "Method and URL" in request
        assert not {"Nonce", "Signature", "Echostr", "Timestamp"} & set(request.split())

    def test_nothing_can_be_saved_or_deleted_and_there_is_no_history(
        self, li_wei_at_work: Client, on_record: OfficialAccount
    ) -> None:
        text = open_attempt(li_wei_at_work)

        assert "submit-row" not in text
        assert "/history/" not in text
        assert "/delete/" not in text


class TestAroundIt:
    def test_the_attempts_of_the_account_are_walked_one_by_one(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        for account, token in [(brand_a, A), (brand_b, B), (brand_a, "Nonsense"), (brand_a, A)]:
            wechat_verifies(account, token)
        first, _other, second, third = VerificationAttempt.objects.order_by("id")

        assert walked(li_wei_at_work, first) == ["", url(second)]
        assert walked(li_wei_at_work, second) == [url(first), url(third)]
        assert walked(li_wei_at_work, third) == [url(second), ""]

    def test_the_same_source_is_shown_until_it_was_solved(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        for token in (B, "Nonsense", A):
            wechat_verifies(brand_a, token)
        attempt = VerificationAttempt.objects.earliest("id")
        lines = re.findall(r"<li.*?</li>", around(li_wei_at_work, attempt), re.DOTALL)

        assert "token of “Brand-B”" in lines[0]
        assert "(this attempt)" in lines[0]
        assert "unknown token" in lines[1]
        assert "accepted" in lines[2]
        assert ["solved" in line for line in lines] == [False, False, True]

    def test_what_came_from_another_of_wechats_addresses_solved_it_as_well(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any
    ) -> None:
        settings.TRUSTED_PROXY_COUNT = 1
        call("/wechat/brand-a", "Nonsense", **{"X-Forwarded-For": "81.69.103.129"})
        call("/wechat/brand-a", A, **{"X-Forwarded-For": "175.24.211.157"})
        attempt = VerificationAttempt.objects.earliest("id")

        assert "accepted · 175.24.211.157" in around(li_wei_at_work, attempt)
        assert "solved" in around(li_wei_at_work, attempt)
        assert "?q=81.69.103.129" in around(li_wei_at_work, attempt)

    @pytest.mark.parametrize("query", ["", f"?{verification('')}"])
    def test_where_a_stranger_called_there_was_nothing_to_solve(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, query: str
    ) -> None:
        Client().get(f"{brand_a.server_path}{query}")
        stranger = last_attempt()
        wechat_verifies(brand_a, A)
        text = open_attempt(li_wei_at_work, stranger)

        assert "solved" not in text
        assert "verdict is-harmless" in text

    def test_our_own_test_solved_nothing(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, "Nonsense")
        we_test(brand_a, A)

        assert "solved" not in open_attempt(
            li_wei_at_work, VerificationAttempt.objects.earliest("id")
        )


def url(attempt: VerificationAttempt) -> str:
    return page("verificationattempt_change", attempt.pk)


def walked(client: Client, attempt: VerificationAttempt) -> list[str]:
    """Return the addresses of the links ‹ earlier and later ›; empty without a link."""
    found_links = re.findall(r'href="([^"]*)" rel="(\w+)"', open_attempt(client, attempt))
    links = {rel: link for link, rel in found_links}
    return [links.get("prev", ""), links.get("next", "")]


def around(client: Client, attempt: VerificationAttempt) -> str:
    text = open_attempt(client, attempt)
    return text.partition('id="same-source"')[2].partition("</section>")[0]
