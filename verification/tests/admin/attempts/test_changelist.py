"""The list of attempts: its counts and chart, its filters and its pages."""

from __future__ import annotations

import re
import time
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from django.test import Client
from django.utils import timezone

from verification.attempts import page
from verification.attempts.counts import count_period, read_bars
from verification.attempts.filter import AttemptFilter, latest_days
from verification.attempts.filter_url import parse_filter
from verification.attempts.index import ACCOUNT_LIMIT
from verification.attempts.page import find_page
from verification.attempts.spans import spans_of
from verification.models import OfficialAccount, VerificationAttempt
from verification.protocol.enums import Kind, Outcome, Reason
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import staff, wechat_pushes, wechat_verifies
from verification.tests.support.signer import verification
from verification.tests.support.tampering import as_owner
from verification.times import Period, Span, preset

LIST = "/admin/verification/verificationattempt/"


def show(client: Client, **query: str) -> str:
    return client.get(LIST, query).text


def column(text: str, name: str) -> list[str]:
    rows = text[text.index('id="result_list"') :].partition("</thead>")[2]
    cells = re.findall(rf'class="field-{name}"[^>]*>(.*?)</t[dh]>', rows, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", "", cell).split()) for cell in cells]


@pytest.fixture
def a_day(brand_a: OfficialAccount, brand_b: OfficialAccount) -> None:
    """Record five verifications, two pushes, and three requests that are internet noise."""
    for account, token in [(brand_a, A), (brand_a, B), (brand_b, B), (brand_b, B), (brand_b, A)]:
        wechat_verifies(account, token)
    wechat_pushes(brand_a, A)
    wechat_pushes(brand_a, B)
    Client().head(brand_a.server_path)
    Client(headers={"User-Agent": "zgrab"}).get(f"/wechat/wp-login?{verification(A)}")
    Client().get(f"/wechat/brand-a?{verification('')}")


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
            label: len(column(show_link(li_wei_at_work, link), "time"))
            for link, label in links.items()
        }

        assert listed == {"3 internet noise": 3, "2 message pushes": 1, "0 self-tests": 0}

    def test_each_number_of_the_table_leads_to_what_it_counts(
        self, a_day: None, li_wei_at_work: Client
    ) -> None:
        cells = re.findall(r'class="number"><a href="([^"]*)"\s*>(\d+)</a>', show(li_wei_at_work))

        assert [int(number) for _, number in cells] == [1, 1, 2, 1, 3, 2][: len(cells)]
        for link, number in cells:
            assert len(column(show_link(li_wei_at_work, link), "time")) == int(number)

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


def show_link(client: Client, link: str) -> str:
    return client.get(LIST + link.replace("&amp;", "&")).text


class TestFiltering:
    @pytest.mark.parametrize(
        ("query", "rows"),
        [
            ({"outcome": "refused"}, 2),
            ({"outcome": "accepted"}, 3),
            ({"reason": "signature_mismatch"}, 2),
            ({"reason": "unknown_account"}, 0),
            ({"kind": "message_push"}, 1),
            ({"kind": "all"}, 6),
            ({"outcome": "accepted", "reason": "signature_mismatch"}, 0),
            ({"noise": "only", "kind": "all"}, 3),
            ({"noise": "only"}, 3),
            ({"noise": "only", "reason": "method_not_allowed"}, 1),
            ({"noise": "only", "account": "none"}, 1),
            ({"kind": "noise"}, 3),
            ({"kind": "every"}, 9),
            ({"kind": "every", "reason": "signature_mismatch"}, 4),
            ({"first": "1970-01-01"}, 5),
            ({"last": "2000-01-01"}, 0),
            ({"account": "none"}, 0),
            ({"account": str(ACCOUNT_LIMIT - 1)}, 0),
            ({"period": "this_month"}, 5),
            ({"period": "last_quarter"}, 0),
            ({"q": "127.0.0.1"}, 5),
            ({"q": " ::ffff:127.0.0.1 "}, 5),
            ({"q": "192.0.2.1"}, 0),
        ],
    )
    def test_a_filter_leaves_what_it_says(
        self, a_day: None, li_wei_at_work: Client, query: dict[str, str], rows: int
    ) -> None:
        assert len(column(show(li_wei_at_work, **query), "time")) == rows

    def test_an_account_is_chosen_by_its_name(
        self, a_day: None, brand_b: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        text = show(li_wei_at_work, account=str(brand_b.pk))

        assert column(text, "called") == ["Brand-B"] * 3

    def test_an_attempt_is_found_by_its_request_id(
        self, a_day: None, li_wei_at_work: Client
    ) -> None:
        attempt = VerificationAttempt.objects.get(id=2)
        for spelling in (str(attempt.request_id), attempt.request_id.hex.upper()):
            assert len(column(show(li_wei_at_work, q=spelling), "time")) == 1

    @pytest.mark.parametrize(
        "term", ["haystack", "%", "'", "e" * 5000, "1.2.3", "25:99", "2026-02-30 10:42"]
    )
    def test_what_is_no_question_is_said_to_be_none(
        self, a_day: None, li_wei_at_work: Client, term: str
    ) -> None:
        response = li_wei_at_work.get(LIST, {"q": term})

        assert response.status_code == 200
        assert "is not a time, a period, an IP address or a request id" in response.text

    @pytest.mark.parametrize(
        "query",
        [
            {"period": "yesteryear"},
            {"outcome": "1"},
            {"reason": "x"},
            {"kind": "٣"},
            {"account": "²"},
            {"account": "9" * 40},
            {"account": str(ACCOUNT_LIMIT)},
            {"noise": "loud"},
            {"account__id__exact": "1"},
        ],
    )
    def test_an_invalid_parameter_is_ignored_with_a_warning(
        self, li_wei_at_work: Client, query: dict[str, str]
    ) -> None:
        response = li_wei_at_work.get(LIST, query, follow=True)

        assert [status for _, status in response.redirect_chain] == [302]
        assert "are invalid and were ignored" in response.text

    @pytest.mark.parametrize("key", ["x", "-1", "٣", "9" * 40])
    def test_an_invalid_key_shows_the_first_page(
        self, a_day: None, li_wei_at_work: Client, key: str
    ) -> None:
        assert len(column(show(li_wei_at_work, before=key), "time")) == 5

    @pytest.mark.parametrize(
        "period",
        [
            Period(date(2026, 7, 1), date(2026, 9, 30)),
            Span(
                datetime(2026, 9, 29, 2, 30, tzinfo=UTC), datetime(2026, 9, 29, 2, 45, tzinfo=UTC)
            ),
        ],
    )
    def test_a_filter_and_its_address_say_the_same(self, db: None, period: Period | Span) -> None:
        filters = AttemptFilter(
            period,
            account=7,
            outcome=Outcome.REFUSED,
            reason=Reason.NO_TOKEN,
            kind=Kind.MESSAGE_PUSH,
            search="192.0.2.1",
        )
        query = {name: values[0] for name, values in parse_qs(filters.query()[1:]).items()}

        assert parse_filter(query) == (filters, [])


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


class TestPeriods:
    @pytest.fixture
    def at_the_edges(self, brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch) -> Period:
        """Record an attempt before, at the start, at the end and after the last quarter."""
        period = preset("last_quarter", timezone.localdate())
        second = timedelta(seconds=1)
        for moment in (period.start - second, period.start, period.end - second, period.end):
            monkeypatch.setattr(
                "verification.callbacks.recording.recording_time", lambda *_, moment=moment: moment
            )
            wechat_verifies(brand_a, A)
        monkeypatch.undo()
        return period

    def test_a_quarter_ends_at_midnight_where_the_operator_is(self, at_the_edges: Period) -> None:
        page = find_page(AttemptFilter(at_the_edges))

        assert [attempt.id for attempt in page.attempts] == [3, 2]
        assert count_period(at_the_edges).accepted == 2

    def test_a_log_with_a_hole_in_it_is_still_read(
        self, at_the_edges: Period, li_wei_at_work: Client
    ) -> None:
        as_owner(VerificationAttempt, "DELETE FROM {table} WHERE id = 2")
        text = show(li_wei_at_work, period="last_quarter")

        assert len(column(text, "time")) == 1

    def test_days_on_the_chart_are_the_operators(self, at_the_edges: Period) -> None:
        bars = read_bars(spans_of(at_the_edges))

        assert [timezone.localdate(bar.start) for bar in bars if bar.accepted] == [
            at_the_edges.first,
            at_the_edges.last,
        ]
        assert len(bars) == at_the_edges.days

    def test_a_long_period_has_bars_of_several_days(self, at_the_edges: Period) -> None:
        years = Period(date(2020, 1, 1), latest_days().last)
        bars = read_bars(spans_of(years))

        assert len(bars) <= 100
        assert (bars[0].start, bars[-1].end) == (years.start, years.end)
        assert sum(bar.accepted for bar in bars) == 4

    @pytest.mark.parametrize(
        ("first", "name", "heading"),
        [
            ("2026-09-30", "By the hour: ", "Hour"),
            ("2026-09-01", "By the day: ", "Day"),
            ("2026-01-01", "By periods of 3 days: ", "Days"),
        ],
    )
    def test_the_chart_and_its_table_name_what_a_bar_stands_for(
        self, db: None, li_wei_at_work: Client, first: str, name: str, heading: str
    ) -> None:
        text = " ".join(show(li_wei_at_work, first=first, last="2026-09-30").split())

        assert f"URL verification. {name}" in text
        assert f'<th scope="col"> {heading} </th>' in text

    def test_a_period_of_seven_thousand_years_is_shown_at_once(
        self, at_the_edges: Period, li_wei_at_work: Client
    ) -> None:
        show(li_wei_at_work)  # reads the templates
        started = time.perf_counter()
        text = show(li_wei_at_work, first="1970-01-01", last="9000-12-31")

        assert "4 URL verifications: 4 accepted" in text
        assert time.perf_counter() - started < 1


def test_counts_and_rows_agree(a_day: None) -> None:
    counts = count_period(latest_days())
    rows = VerificationAttempt.objects.exclude(kind=Kind.MESSAGE_PUSH)

    assert counts.verifications.total() + counts.noise + counts.self_tests == rows.count()
