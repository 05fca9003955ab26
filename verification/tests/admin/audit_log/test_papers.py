"""What a sign-off counts, where its counts lead, and what its paper and the list of all say."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from verification import change_log
from verification.change_log import Action, Actor
from verification.models import ChangeEvent, OfficialAccount
from verification.tests.support.admin_client import call, staff
from verification.tests.support.tampering import rewrite_change_log
from verification.times import Period, preset

LIST = "/admin/verification/changeevent/sign-offs/"
PAGE = f"{LIST}new/"
REVIEWED = [
    *[Action.TOKEN_REVEALED] * 2,
    *(Action.ROLE_GRANTED, Action.SIGN_IN_FAILED, Action.SECOND_FACTOR_RESET, Action.EXPORTED),
]


@pytest.fixture
def wang_fang(db: None) -> Client:
    client = staff("sign_off", "view_changeevent", "view_seal", "view_verificationattempt")
    User.objects.filter(username="wang.fang").update(first_name="Fang", last_name="Wang")
    return client


@pytest.fixture
def quarter(db: None) -> Period:
    return preset("last_quarter", timezone.localdate())


def put(action: Action, moment: datetime) -> None:
    facts = {"user": "zhao.min", "role": "Auditors"}
    ChangeEvent.objects.create(action=action, actor="li.wei", recorded_at=moment, facts=facts)
    rewrite_change_log()  # which signs it


@pytest.fixture
def reviewed(quarter: Period) -> None:
    """Put events of REVIEWED into the quarter, and one just before and one just after it."""
    for number, action in enumerate(REVIEWED):
        put(action, quarter.start + timedelta(hours=number))
    put(Action.TOKEN_REVEALED, quarter.start - timedelta(seconds=1))
    put(Action.TOKEN_REVEALED, quarter.end)


def sign(client: Client, period: Period, **form: str) -> Any:
    days = {"first": str(period.first), "last": str(period.last)}
    return client.post(PAGE, {**days, "note": "Looked at all refusals.", **form})


def links(page: str) -> dict[str, str]:
    """Return the address of each number in a table, by the heading of its row."""
    rows = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', page, re.DOTALL)
    found = {}
    for heading, cells in rows:
        name = re.sub("<[^>]*>", "", heading).strip()
        for url in re.findall(r'href="([^"]+)"', cells):
            found[name] = unescape(url)
    return found


class TestTheChangeLogOfThePeriod:
    def test_what_is_reviewed_is_counted_and_frozen(
        self, wang_fang: Client, reviewed: None, quarter: Period
    ) -> None:
        response = sign(wang_fang, quarter)
        event = ChangeEvent.objects.get(action=Action.SIGNED_OFF)
        put(Action.TOKEN_REVEALED, quarter.start)

        assert event.facts["changes"] == {
            "token_revealed": 2,
            "aes_key_revealed": 0,
            "webhook_secret_revealed": 0,
            "role_granted": 1,
            "role_revoked": 0,
            "sign_in_failed": 1,
            "second_factor_refused": 0,
            "second_factor_reset": 1,
            "exported": 1,
        }
        paper = wang_fang.get(response.url).text
        assert re.search(r"Token revealed\s*</th>\s*<td[^>]*>\s*<a[^>]*>2<", paper)

    def test_each_count_leads_to_the_entries_that_it_counts(
        self, wang_fang: Client, reviewed: None, quarter: Period
    ) -> None:
        page = wang_fang.get(PAGE, {"period": "last_quarter"}).text

        entries = wang_fang.get(links(page)["Token revealed"]).text
        assert "2 entries" in entries
        assert "Role granted" not in entries.partition('id="result_list"')[2]
        assert "0 entries" not in wang_fang.get(links(page)["Role granted"]).text


class TestLinksToAttempts:
    def test_each_count_leads_to_the_attempts_that_it_counts(
        self, wang_fang: Client, on_record: OfficialAccount
    ) -> None:
        call("/wechat/brand-a", "WrongTokenOfB5678")
        call("/wechat/brand-a", "WrongTokenOfB9012")
        page = wang_fang.get(PAGE, {"period": "this_month"}).text
        path = "/admin/verification/verificationattempt/"
        numbers = [
            *re.findall(rf'href="({path}[^"]*)">(\d+)<', page),
            *re.findall(rf'href="({path}[^"]*)">Internet noise</a>\s*(\d+)', page),
        ]

        assert [number for _url, number in numbers] == ["1", "2", "1"]
        for url, number in numbers:
            attempts = wang_fang.get(unescape(url)).text
            assert attempts.count('class="field-time"') == int(number), url

    def test_without_the_permission_the_counts_are_plain(self, on_record: OfficialAccount) -> None:
        page = staff("sign_off", "view_changeevent").get(PAGE, {"period": "this_month"}).text

        assert "Brand-A" in page
        assert "/verificationattempt/" not in page


class TestThePaper:
    def test_it_names_who_signed_for_whom_what_and_when(
        self, wang_fang: Client, quarter: Period, settings: Any
    ) -> None:
        settings.ORGANISATION, settings.PUBLIC_URL = "示例零售", "https://wx.example.cn"
        response = sign(wang_fang, quarter)
        settings.ORGANISATION, settings.PUBLIC_URL = "Renamed since", "https://moved.example.cn"
        paper = wang_fang.get(response.url).text.partition('class="audit paper"')[2]
        paper = paper.partition('class="print-foot"')[0]

        for text in ("示例零售", "wx.example.cn", str(quarter), "Fang Wang (wang.fang)"):
            assert text in paper, text
        assert "Looked at all refusals." in paper
        assert re.search(r"signature.*Fang Wang", paper)
        assert "Renamed since" not in paper
        assert "moved" not in paper

    def test_papers_are_numbered_in_the_order_of_signing(
        self, wang_fang: Client, quarter: Period
    ) -> None:
        first = sign(wang_fang, quarter)
        second = sign(wang_fang, quarter, confirm="signed_before")

        assert "<h1>Sign-off 1:" in wang_fang.get(first.url).text
        assert "<h1>Sign-off 2:" in wang_fang.get(second.url).text

    def test_a_paper_of_a_former_release_can_still_be_read(self, wang_fang: Client) -> None:
        old: dict[str, Any] = {
            **{"first": "2026-07-01", "last": "2026-09-30"},
            "period": "2026-07-01 – 2026-09-30 (UTC+8)",
            **{"accounts": [], "noise": 0, "pushes": 0, "self_tests": 0},
            **{"is_intact": True, "is_whole": True, "checked_at": "2026-10-02T09:00:00+08:00"},
            **{"head": "1:00", "note": "", "in_spite_of": ["not_whole"]},
        }
        event = change_log.record(Action.SIGNED_OFF, Actor("zhao.min"), **old)
        paper = wang_fang.get(reverse("admin:signed_off", args=[event.pk])).text

        assert "zhao.min" in paper
        assert "The log was not checked to its end." in paper
        assert "zhao.min" in wang_fang.get(LIST).text


class TestTheList:
    def test_it_is_newest_first_with_who_when_what_and_how_the_chain_was(
        self, wang_fang: Client, quarter: Period
    ) -> None:
        sign(wang_fang, quarter, note="The first review of all.")
        sign(wang_fang, quarter, note="The second review of all.", confirm="signed_before")
        page = wang_fang.get(LIST).text

        assert page.index("The second review") < page.index("The first review")
        for text in (str(quarter), "Fang Wang (wang.fang)", "Chain intact"):
            assert text in page

    def test_it_has_pages_and_takes_the_same_queries_for_each_number_of_rows(
        self, wang_fang: Client, quarter: Period, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("verification.admin.audit_log.sign_offs.PAGE_SIZE", 2)
        sign(wang_fang, quarter)
        with CaptureQueriesContext(connection) as one:
            wang_fang.get(LIST)
        facts = ChangeEvent.objects.get(action=Action.SIGNED_OFF).facts
        for _ in range(2):
            change_log.record(Action.SIGNED_OFF, Actor("zhao.min"), **facts)
        with CaptureQueriesContext(connection) as three:
            newest = wang_fang.get(LIST).text

        assert len(three) == len(one)
        assert 'rel="next"' in newest
        oldest = wang_fang.get(LIST, {"p": "2"}).text
        assert "(wang.fang)" in oldest.partition("<tbody>")[2]
        assert "(wang.fang)" not in newest.partition("<tbody>")[2]

    def test_an_empty_list_leads_to_the_first_sign_off(self, wang_fang: Client) -> None:
        page = wang_fang.get(LIST).text

        assert "No period has been signed off yet." in page
        assert f'href="{PAGE}"' in page

    def test_who_may_only_read_is_not_offered_to_sign(self, db: None) -> None:
        assert PAGE not in staff("view_changeevent").get(LIST).text
