"""The list of attempts: its counts and chart, and its pages."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone

from verification.attempts import page
from verification.attempts.counts import count_period
from verification.attempts.filter import latest_days
from verification.models import OfficialAccount, VerificationAttempt
from verification.protocol.enums import Kind
from verification.tests.support.admin_client import staff
from verification.tests.support.attempt_list import LIST, column, follow, show
from verification.tests.support.tampering import as_owner


class TestOpening:
    def test_it_opens_on_url_verifications_and_says_what_they_come_to(
        self, a_day: None, li_wei_at_work: Client
    ) -> None:
        text = show(li_wei_at_work)

        assert "5 URL verifications: 3 accepted, 2 refused" in text
        assert column(text, "called") == ["Brand-B"] * 3 + ["Brand-A"] * 2
        assert column(text, "in_short")[0] == "token of “Brand-A”"
        assert "Last 90 days: " in text

    def test_what_is_left_out_is_one_click_away_with_its_count(
        self, a_day: None, li_wei_at_work: Client
    ) -> None:
        text = show(li_wei_at_work)
        links = dict(re.findall(r'href="([^"]*)"\s*>(\d+ (?:internet|message|self)[^<]*)<', text))
        listed = {
            label: len(column(follow(li_wei_at_work, link), "time"))
            for link, label in links.items()
        }

        assert listed == {"3 internet noise": 3, "2 message pushes": 1, "0 self-tests": 0}

    def test_each_number_of_the_table_leads_to_what_it_counts(
        self, a_day: None, li_wei_at_work: Client
    ) -> None:
        cells = re.findall(r'class="number"><a href="([^"]*)"\s*>(\d+)</a>', show(li_wei_at_work))

        assert [int(number) for _, number in cells] == [1, 1, 2, 1, 3, 2][: len(cells)]
        for link, number in cells:
            assert len(column(follow(li_wei_at_work, link), "time")) == int(number)

    def test_the_chart_says_in_words_what_it_shows(
        self, a_day: None, li_wei_at_work: Client
    ) -> None:
        text = show(li_wei_at_work)

        assert re.search(r'role="group"\s+aria-label="[^"]*3 accepted, 2 refused', text)
        assert len(re.findall('<rect class="(?:accepted|refused)"', text)) == 2  # one day
        assert f"<title>{timezone.localdate()}: 3 accepted, 2 refused</title>" in text
        assert f'aria-label="{timezone.localdate()}: 3 accepted, 2 refused"' in text

    @pytest.mark.parametrize(
        ("account", "label"),
        [
            ("brand-b", "URL verification · Brand-B. By the day"),
            ("brand-b", "2 accepted, 1 refused"),
            ("none", "URL verification · No such account. By the day"),
            ("none", "0 accepted, 0 refused"),
        ],
    )
    def test_the_chart_shows_the_account_that_is_chosen(
        self,
        a_day: None,
        brand_b: OfficialAccount,
        li_wei_at_work: Client,
        account: str,
        label: str,
    ) -> None:
        text = show(li_wei_at_work, account=account.replace("brand-b", str(brand_b.pk)))

        assert re.search(rf'role="group"\s+aria-label="[^"]*{label}', text)

    def test_where_accepted_pushes_are_is_said(self, a_day: None, li_wei_at_work: Client) -> None:
        sentence = "are counted, and not in this list"

        assert sentence in show(li_wei_at_work, kind="message_push")
        assert sentence in show(li_wei_at_work, kind="all")
        assert sentence not in show(li_wei_at_work)

    def test_an_auditor_sees_it_and_a_stranger_does_not(self, a_day: None) -> None:
        assert "5 URL verifications" in show(staff("view_verificationattempt"))
        assert Client().get(LIST).status_code == 302

    def test_what_was_accepted_says_with_which_token(
        self, a_day: None, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        token = brand_a.current_token
        assert token

        text = show(li_wei_at_work, account=str(brand_a.pk))
        assert column(text, "in_short") == ["token of “Brand-B”", f"accepted {token.fingerprint}"]

    def test_combined_attempts_show_their_number(self, a_day: None, li_wei_at_work: Client) -> None:
        as_owner(VerificationAttempt, "UPDATE {table} SET occurrences = 1200 WHERE id = 5")

        assert column(show(li_wei_at_work), "in_short")[0] == "token of “Brand-A” ×1,200"

    def test_nothing_on_record_is_said(self, li_wei_at_work: Client) -> None:
        assert "No attempts match." in show(li_wei_at_work)


class TestPaging:
    @pytest.fixture(autouse=True)
    def _small_pages(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(page, "SIZE", 2)

    def walk(self, client: Client, label: str, query: str) -> list[list[str]]:
        pages = []
        while True:
            text = client.get(LIST + query).text
            pages.append(re.findall(r'field-time"><a href="[^"]*/(\d+)/change/', text))
            link = re.search(rf'<a href="([^"]*)" rel="\w+">[^<]*{label}', text)
            if link is None:
                return pages
            query = link[1].replace("&amp;", "&")

    def test_every_attempt_comes_once_on_the_way_back_and_forth(
        self, a_day: None, li_wei_at_work: Client
    ) -> None:
        assert self.walk(li_wei_at_work, "older", "") == [["5", "4"], ["3", "2"], ["1"]]
        assert self.walk(li_wei_at_work, "newer", "?before=2") == [["1"], ["3", "2"], ["5", "4"]]

    def test_beyond_the_newest_are_the_newest(self, a_day: None, li_wei_at_work: Client) -> None:
        assert self.walk(li_wei_at_work, "newer", "?after=5") == [["5", "4"]]

    def test_internet_noise_is_paged_too(self, a_day: None, li_wei_at_work: Client) -> None:
        noise = "?noise=only&kind=all"

        assert self.walk(li_wei_at_work, "older", noise) == [["9", "8"], ["7"]]

    def test_paging_keeps_the_filter(self, a_day: None, li_wei_at_work: Client) -> None:
        pages = self.walk(li_wei_at_work, "older", "?outcome=accepted")

        assert pages == [["4", "3"], ["1"]]


def test_counts_and_rows_agree(a_day: None) -> None:
    counts = count_period(latest_days())
    rows = VerificationAttempt.objects.exclude(kind=Kind.MESSAGE_PUSH)

    assert counts.verifications.total() + counts.noise + counts.self_tests == rows.count()
