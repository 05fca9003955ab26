"""Asking the list of attempts what happened at a moment, and for periods to the minute."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from verification.models import OfficialAccount
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import staff, wechat_pushes, wechat_verifies
from verification.tests.support.attempt_list import LIST, column, plain

NOON = datetime(2026, 9, 29, 4, 0, tzinfo=UTC)  # in Asia/Shanghai


@pytest.fixture
def morning(
    brand_a: OfficialAccount, brand_b: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Record attempts at 10:38:00, 10:42:07, 10:42:50 and 11:05:00, and two pushes at 10:15:00.

    One of those at 10:42 is internet noise. It is noon then, but the list keeps the real time.
    """
    at = NOON.replace(hour=2)

    def record(minutes: float) -> None:
        moment = at + timedelta(minutes=minutes)
        monkeypatch.setattr("verification.callbacks.recording.recording_time", lambda *_: moment)

    for minutes in (15, 15.1):
        record(minutes)
        wechat_pushes(brand_a, A)
    record(38)
    wechat_verifies(brand_a, A)
    record(42 + 7 / 60)
    wechat_verifies(brand_a, B)
    record(42 + 50 / 60)
    Client().head(brand_a.server_path)
    record(65)
    wechat_verifies(brand_a, A)
    monkeypatch.undo()


@pytest.fixture
def auditor(morning: None) -> Client:
    return staff("view_verificationattempt")


def ask(client: Client, text: str, **query: str) -> str:
    return client.get(LIST, {"q": text, **query}, follow=True).text


def times(page: str) -> list[str]:
    return column(page, "time")


def asked(text: str) -> list[str]:
    cells = re.findall(r'class="field-time" aria-current="true"[^>]*>(.*?)</th>', text, re.DOTALL)
    return [re.sub(r"<[^>]*>", "", cell).strip() for cell in cells]


@pytest.mark.parametrize(
    "text", ["2026-09-29 10:42", "2026年9月29日 上午10点42分", "２０２６－９－２９ １０：４２"]
)
def test_a_moment_shows_what_was_recorded_around_it_of_all_kinds(
    auditor: Client, text: str
) -> None:
    page = ask(auditor, text, outcome="accepted", kind="message_push")

    assert times(page) == ["09-29 10:42:50", "09-29 10:42:07"]
    assert asked(page) == times(page)
    assert "Around 2026-09-29 10:42: 2026-09-29 10:40 – 10:44 (UTC+8)" in plain(page)
    assert "2 attempts: 0 accepted, 2 refused" in plain(page)


def test_the_rows_of_the_minute_are_marked_among_those_around_it(auditor: Client) -> None:
    page = ask(auditor, "2026-09-29 10:40")

    assert times(page) == ["09-29 10:42:50", "09-29 10:42:07", "09-29 10:38:00"]
    assert asked(page) == []


@pytest.fixture
def flood(morning: None, brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    """Record 70 refusals a minute after the last attempt."""
    moment = NOON.replace(hour=3, minute=6)
    with monkeypatch.context() as patch:
        patch.setattr("verification.callbacks.recording.recording_time", lambda *_: moment)
        for number in range(70):
            wechat_verifies(brand_a, B, source=f"10.0.{number}.7")


def test_a_flood_around_the_moment_does_not_hide_it(flood: None) -> None:
    auditor = staff("view_verificationattempt")
    page = ask(auditor, "2026-09-29 11:05")

    assert asked(page) == ["09-29 11:05:00"]
    assert "Nothing was recorded" not in page
    [link] = re.findall(r'<a href="([^"]*/change/)">09-29 11:05:00</a>', page)
    [back] = re.findall(r'<a href="([^"]*)">Everything around this time', auditor.get(link).text)
    assert asked(auditor.get(html.unescape(back)).text) == ["09-29 11:05:00"]


def test_on_the_pages_of_a_flood_the_minute_is_not_called_empty(flood: None) -> None:
    auditor = staff("view_verificationattempt")
    page = ask(auditor, "2026-09-29 11:05")
    [newer] = re.findall(r'<a href="(\?[^"]*after=[^"]*)"', page)[:1]

    assert "Nothing was recorded" not in auditor.get(LIST + html.unescape(newer)).text


def test_from_the_moment_to_the_cause_is_one_click(auditor: Client) -> None:
    page = ask(auditor, "2026-09-29 10:42:07")
    [link] = re.findall(r'<a href="([^"]*/change/)">09-29 10:42:07</a>', page)

    assert "the token of “Brand-B”" in html.unescape(auditor.get(link).text)


def test_the_minutes_before_and_after_are_one_click_away(auditor: Client) -> None:
    page = ask(auditor, "2026-09-29 10:42")
    links = dict(re.findall(r'<a href="([^"]*)" rel="(prev|next)"', page))
    moments = [parse_qs(urlsplit(html.unescape(link)).query)["at"] for link in links]

    assert moments == [["2026-09-29T10:37"], ["2026-09-29T10:47"]]
    assert times(auditor.get(LIST + html.unescape(next(iter(links)))).text) == ["09-29 10:38:00"]


def test_an_empty_minute_names_its_neighbours_and_the_pushes_that_are_only_counted(
    auditor: Client,
) -> None:
    text = plain(ask(auditor, "2026-09-29 10:50"))

    assert "Nothing was recorded at 2026-09-29 10:50." in text
    assert "Nearest before: 2026-09-29 10:42:50 (UTC+8)" in text
    assert "Nearest after: 2026-09-29 11:05:00 (UTC+8)" in text
    assert "by the hour: 2 in 2026-09-29 10:00 – 10:59 (UTC+8)." in text


def test_a_time_alone_is_the_last_such_time(morning: None) -> None:
    clock = NOON.replace(hour=4)
    with mock.patch("django.utils.timezone.now", return_value=clock):
        auditor = staff("view_verificationattempt")

        assert times(ask(auditor, "10:42")) == ["10:42:50", "10:42:07"]
        assert "at=2026-09-28T23" in auditor.get(LIST, {"q": "23:10"})["Location"]
        assert "at=2026-09-28T10" in auditor.get(LIST, {"q": "昨天 10:42"})["Location"]


def test_a_moment_to_come_is_said_to_be_one(auditor: Client) -> None:
    moment = timezone.localtime() + timedelta(days=1)

    assert "is still to come." in ask(auditor, f"{moment:%Y-%m-%d %H:%M}")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("2026-09-29 10:30-10:42", ["09-29 10:42:50", "09-29 10:42:07", "09-29 10:38:00"]),
        ("2026-09-29 10:42 – 10:42", ["09-29 10:42:50", "09-29 10:42:07"]),
        ("2026-09-29", ["09-29 11:05:00", "09-29 10:42:07", "09-29 10:38:00"]),  # without noise
    ],
)
def test_a_range_or_a_day_can_be_asked_for(auditor: Client, text: str, shown: list[str]) -> None:
    assert times(ask(auditor, text)) == shown


def test_the_period_of_the_form_is_to_the_minute(auditor: Client) -> None:
    page = auditor.get(
        LIST, {"first": "2026-09-29 10:40", "last": "2026-09-29 10:42", "kind": "every"}
    ).text

    assert times(page) == ["09-29 10:42:50", "09-29 10:42:07"]
    assert 'value="2026-09-29 10:42"' in page


def test_a_day_is_charted_by_the_hour_and_an_hour_leads_to_its_attempts(auditor: Client) -> None:
    page = auditor.get(LIST, {"first": "2026-09-29", "last": "2026-09-29", "kind": "every"}).text
    bars = re.findall(r'<a href="([^"]*)" class="bar"\s+aria-label="([^"]*)"', page)

    assert [name for _link, name in bars] == [
        "2026-09-29 10:00 – 10:59: 1 accepted, 2 refused, 2 accepted pushes",
        "2026-09-29 11:00 – 11:59: 1 accepted, 0 refused",
    ]
    assert times(auditor.get(LIST + html.unescape(bars[1][0])).text) == ["09-29 11:05:00"]


class TestTypedWrongly:
    @pytest.mark.parametrize(
        ("query", "sentence"),
        [
            (
                {"first": "2026-09-30", "last": "2026-09-01"},
                "“Through” is before “From”, so the list is empty.",
            ),
            (
                {"first": "2026-02-31", "last": "2026-03-01"},
                "“2026-02-31” is not a day or time.",
            ),
            ({"first": "0001-01-01", "last": "9999-12-31"}, "“0001-01-01”, “9999-12-31” is not"),
            ({"first": "<b>"}, "“<b>” is not a day or time."),
            ({"at": "25:99"}, "“25:99” is not a day or time."),
        ],
    )
    def test_it_is_kept_and_said_beside_the_fields(
        self, auditor: Client, query: dict[str, str], sentence: str
    ) -> None:
        answer = auditor.get(LIST, query)

        assert answer.status_code == 200
        assert sentence in plain(answer.text)
        assert 'aria-describedby="period-problem"' in answer.text
        for name in ("first", "last"):
            assert f'name="{name}" value="{html.escape(query.get(name, ""))}"' in answer.text
        assert 'id="result_list"' not in answer.text

    def test_swapped_days_are_swapped_by_a_link(self, auditor: Client) -> None:
        page = auditor.get(
            LIST, {"first": "2026-09-30", "last": "2026-09-01", "outcome": "refused"}
        ).text
        [link] = re.findall(r'<a href="([^"]*)">Swap the two</a>', page)

        assert times(auditor.get(LIST + html.unescape(link)).text) == ["09-29 10:42:07"]


class TestEmptyLists:
    def ways_on(self, page: str) -> list[str]:
        [cell] = re.findall(r'class="nothing-found">(.*?)</td>', page, re.DOTALL)
        return re.findall(r"<a [^>]*>([^<]*)</a>", cell)

    def test_they_lead_to_a_longer_period_and_to_other_attempts(self, auditor: Client) -> None:
        query = {"first": "2026-09-29", "last": "2026-09-29", "reason": "no_token"}

        assert self.ways_on(auditor.get(LIST, query).text) == [
            "Last 90 days",
            "Without filters",
            "1 internet noise",
            "2 message pushes",
        ]

    def test_they_lead_to_the_whole_log(self, auditor: Client) -> None:
        [_days, whole, *_rest] = self.ways_on(auditor.get(LIST, {"first": "2026-10-01"}).text)

        assert whole == "The whole log"
