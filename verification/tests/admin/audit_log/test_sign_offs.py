from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from verification.models import ChainHead, ChangeEvent, OfficialAccount, VerificationAttempt
from verification.tests.support.accounts import record_as_they_are
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import page, staff
from verification.tests.support.home import open_alert
from verification.tests.support.signer import verification
from verification.tests.support.tampering import as_owner, rewrite_change_log
from verification.times import Period, month_of, preset, quarter_of

LIST = "/admin/verification/changeevent/sign-offs/"
PAGE = f"{LIST}new/"


@pytest.fixture
def wang_fang(db: None) -> Client:
    client = staff("sign_off", "view_changeevent", "view_seal", "view_verificationattempt")
    User.objects.filter(username="wang.fang").update(first_name="Fang", last_name="Wang")
    return client


@pytest.fixture
def last_quarter(brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch) -> Period:
    """Return a period with two accepted verifications and a refused one, and one after its end."""
    period = preset("last_quarter", timezone.localdate())
    times = [period.start, period.start, period.end - timedelta(seconds=1), period.end]
    for moment, token in zip(times, [A, B, A, A], strict=True):
        monkeypatch.setattr(
            "verification.callbacks.recording.recording_time", lambda *_, moment=moment: moment
        )
        Client().get(f"/wechat/brand-a?{verification(token)}")
    monkeypatch.undo()
    return period


def sign(client: Client, period: Period, **form: str) -> Any:
    dates = {"first": str(period.first), "last": str(period.last)}
    return client.post(PAGE, {**dates, "note": "Looked at all refusals.", **form})


def numbers(page: str) -> list[str]:
    """Return the numbers of the tables, without their links."""
    cells = re.findall(r'<td class="number">(.*?)</td>', page, re.DOTALL)
    return [re.sub("<[^>]*>", "", cell).strip() for cell in cells]


def signed_off() -> list[dict[str, Any]]:
    events = ChangeEvent.objects.filter(action=ChangeEvent.Action.SIGNED_OFF)
    return [event.facts for event in events]


class TestSigning:
    def test_the_page_opens_on_the_last_quarter_with_its_counts(
        self, wang_fang: Client, last_quarter: Period
    ) -> None:
        page = wang_fang.get(PAGE).content.decode()

        assert str(last_quarter) in page
        assert numbers(page)[:2] == ["2", "1"]

    def test_what_was_reviewed_is_on_record(self, wang_fang: Client, last_quarter: Period) -> None:
        sign(wang_fang, last_quarter)
        [facts] = signed_off()

        assert facts["period"] == str(last_quarter)
        assert facts["note"] == "Looked at all refusals."
        assert facts["is_intact"]
        assert facts["head"] == ChainHead.objects.get().text
        [counts] = facts["accounts"]
        assert (counts["slug"], counts["accepted"], counts["refused"]) == ("brand-a", 2, 1)

    def test_it_can_be_read_and_printed_afterwards(
        self, wang_fang: Client, last_quarter: Period
    ) -> None:
        response = sign(wang_fang, last_quarter)
        paper = wang_fang.get(response.url).content.decode()

        assert f">Signed off {last_quarter}.</li>" in paper
        assert "wang.fang" in paper
        assert "Looked at all refusals." in paper
        event = ChangeEvent.objects.latest("id")
        change_log = page("changeevent_changelist"), page("changeevent_change", event.pk)
        for url in (LIST, *change_log):
            assert f'<a href="{response.url}">' in wang_fang.get(url).text

    def test_who_may_sign_off_and_no_more_ends_on_home_and_follows_no_dead_link(
        self, last_quarter: Period
    ) -> None:
        client = staff("sign_off")
        User.objects.update(first_name="Fang", last_name="Wang")
        page = client.get(PAGE).text
        response = sign(client, last_quarter)
        home = client.get(response.url)
        again = sign(client, last_quarter).text

        assert not re.findall(r'href="[^"]*/(?:changeevent|verificationattempt)/\?', page)
        assert home.status_code == 200
        assert f">Signed off {last_quarter}.</li>" in home.text
        assert "Sign-off 1: " in re.sub(r"\s+", " ", again)
        assert f'href="{LIST}1/' not in again

    def test_counts_stay_as_they_were_signed(self, wang_fang: Client, last_quarter: Period) -> None:
        OfficialAccount.objects.update(name="Another name")
        record_as_they_are()
        response = sign(wang_fang, last_quarter)
        OfficialAccount.objects.update(name="Renamed since")

        assert "Another name" in wang_fang.get(response.url).content.decode()


class TestDoubts:
    def test_a_period_that_is_not_over_wants_a_tick(
        self, wang_fang: Client, brand_a: OfficialAccount
    ) -> None:
        this_month = month_of(timezone.localdate())
        response = sign(wang_fang, this_month)

        assert "This period is not over yet" in response.content.decode()
        assert "tick this box" in response.content.decode()
        assert signed_off() == []
        sign(wang_fang, this_month, confirm="not_over")
        assert signed_off()[0]["doubts"] == ["not_over"]

    def test_a_broken_chain_is_not_signed_by_accident(
        self, wang_fang: Client, last_quarter: Period
    ) -> None:
        as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '1' WHERE id = 2")
        response = sign(wang_fang, last_quarter)

        assert "The last check of the log found a problem." in response.content.decode()
        assert signed_off() == []
        assert sign(wang_fang, last_quarter, confirm="broken").status_code == 302
        assert not signed_off()[0]["is_intact"]

    def test_a_log_that_went_back_in_the_period_is_not_signed_by_accident(
        self, wang_fang: Client, last_quarter: Period
    ) -> None:
        open_alert("head_went_back:7", "The log's head went back")
        response = sign(wang_fang, last_quarter)

        assert "an older copy of the log took the place" in response.content.decode()
        assert signed_off() == []
        assert sign(wang_fang, last_quarter, confirm="went_back").status_code == 302

    def test_a_last_day_before_the_first_is_refused(self, wang_fang: Client) -> None:
        response = sign(wang_fang, Period(date(2026, 9, 30), date(2026, 7, 1)))

        assert "The last day is before the first." in response.content.decode()

    @pytest.mark.parametrize("end", [date(1, 1, 1), date(9999, 12, 31)])
    def test_a_day_beyond_all_calendars_is_refused(self, wang_fang: Client, end: date) -> None:
        response = sign(wang_fang, Period(end, end), confirm="on")

        assert response.status_code == 200
        assert "The log cannot have records of that day." in response.content.decode()

    def test_a_check_of_before_the_periods_end_is_made_again(
        self, wang_fang: Client, last_quarter: Period, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wang_fang.post("/admin/verification/seal/integrity/")
        early = last_quarter.end - timedelta(minutes=1)
        rewrite_change_log(recorded_at=early)
        monkeypatch.setattr(timezone, "now", lambda: last_quarter.end + timedelta(minutes=1))
        sign(wang_fang, last_quarter)

        assert datetime.fromisoformat(signed_off()[0]["checked_at"]) > last_quarter.end

    @pytest.mark.parametrize(
        "query",
        [
            "period=nonsense",
            "first=x&last=y",
            "first=2026-09-30",
            "first=0001-01-01&last=9999-12-31",
        ],
    )
    def test_an_address_that_means_nothing_opens_on_the_quarter_of_home(
        self, wang_fang: Client, query: str
    ) -> None:
        page = wang_fang.get(f"{PAGE}?{query}").content.decode()

        assert str(quarter_of(timezone.localdate())) in page

    def test_a_period_signed_before_is_named_with_its_signer_and_wants_a_tick(
        self, wang_fang: Client, last_quarter: Period
    ) -> None:
        first = sign(wang_fang, last_quarter)
        a_month_of_it = month_of(last_quarter.first)
        page = sign(wang_fang, a_month_of_it, note="Looked at this month again.").text

        assert "was signed off before" in page
        assert first.url in page
        assert "Fang Wang (wang.fang)" in page
        assert len(signed_off()) == 1
        again = sign(wang_fang, a_month_of_it, confirm="signed_before")
        assert signed_off()[0]["doubts"] == ["signed_before"]
        assert "Signed despite" in wang_fang.get(again.url).text

    @pytest.mark.postgresql
    @pytest.mark.django_db(transaction=True)
    def test_of_two_at_the_same_time_the_second_wants_a_tick(
        self, wang_fang: Client, last_quarter: Period
    ) -> None:
        def sign_once(_number: int) -> int:
            client = Client()
            client.cookies = wang_fang.cookies
            try:
                return int(sign(client, last_quarter).status_code)
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as people:
            answers = sorted(people.map(sign_once, range(4)))

        assert answers == [200, 200, 200, 302]
        assert len(signed_off()) == 1

    def test_another_period_than_the_one_signed_before_wants_no_tick(
        self, wang_fang: Client, last_quarter: Period
    ) -> None:
        sign(wang_fang, last_quarter)
        month_before = month_of(last_quarter.first - timedelta(days=1))

        assert sign(wang_fang, month_before).status_code == 302

    def test_a_warning_that_came_after_the_tick_is_shown_first(
        self, wang_fang: Client, last_quarter: Period
    ) -> None:
        sign(wang_fang, last_quarter)
        response = sign(wang_fang, last_quarter, confirm="not_over")

        assert "Read the warnings above" in response.text
        assert len(signed_off()) == 1


class TestTheSigner:
    @pytest.mark.parametrize("note", ["", "   ", "ok", "Fine.", "已审阅", "... --- ..."])
    def test_a_note_without_a_few_words_is_refused(
        self, wang_fang: Client, last_quarter: Period, note: str
    ) -> None:
        response = sign(wang_fang, last_quarter, note=note)

        assert 'class="errorlist"' in response.text
        assert signed_off() == []

    @pytest.mark.parametrize("note", ["Reviewed, no findings.", "已核对全部记录"])
    def test_a_short_note_will_do_in_either_language(
        self, wang_fang: Client, last_quarter: Period, note: str
    ) -> None:
        assert sign(wang_fang, last_quarter, note=note).status_code == 302

    def test_an_account_without_a_name_signs_with_the_name_that_is_entered(
        self, wang_fang: Client, last_quarter: Period
    ) -> None:
        User.objects.update(first_name="", last_name="")

        assert "Your full name" in wang_fang.get(PAGE).text
        for name in ("", "  ", "x", "123"):
            assert sign(wang_fang, last_quarter, full_name=name).status_code == 200
        response = sign(wang_fang, last_quarter, full_name="王芳")
        assert signed_off()[0]["signer"] == "王芳"
        assert "王芳 (wang.fang)" in wang_fang.get(response.url).text

    def test_an_account_with_a_name_signs_with_that_and_no_other(
        self, wang_fang: Client, last_quarter: Period
    ) -> None:
        assert "Your full name" not in wang_fang.get(PAGE).text
        sign(wang_fang, last_quarter, full_name="Somebody Else")

        assert signed_off()[0]["signer"] == "Fang Wang"

    def test_a_chinese_name_begins_with_the_family_name(
        self, wang_fang: Client, last_quarter: Period
    ) -> None:
        User.objects.update(first_name="芳", last_name="王")
        sign(wang_fang, last_quarter)

        assert signed_off()[0]["signer"] == "王芳"


class TestPeriods:
    @pytest.mark.parametrize(
        ("name", "first", "last"),
        [
            ("this_month", date(2026, 1, 1), date(2026, 1, 31)),
            ("last_month", date(2025, 12, 1), date(2025, 12, 31)),
            ("this_quarter", date(2026, 1, 1), date(2026, 3, 31)),
            ("last_quarter", date(2025, 10, 1), date(2025, 12, 31)),
        ],
    )
    def test_a_year_does_not_get_in_the_way(self, name: str, first: date, last: date) -> None:
        assert preset(name, date(2026, 1, 15)) == Period(first, last)

    def test_february_has_the_days_it_has(self) -> None:
        assert month_of(date(2028, 2, 3)).last == date(2028, 2, 29)
        assert quarter_of(date(2027, 2, 3)).last == date(2027, 3, 31)

    def test_a_day_begins_where_the_operator_is(self) -> None:
        period = Period(date(2026, 7, 1), date(2026, 9, 30))

        assert period.start == datetime.fromisoformat("2026-07-01T00:00:00+08:00")
        assert period.end == datetime.fromisoformat("2026-10-01T00:00:00+08:00")
        assert str(period) == "2026-07-01 – 2026-09-30 (UTC+8)"
