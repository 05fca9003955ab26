"""Exporting the list of attempts as CSV."""

from __future__ import annotations

import csv
import errno
import hashlib
import re
from io import BytesIO
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from verification.admin.attempts.export import Download
from verification.attempts.filter import latest_days
from verification.models import ChainHead, OfficialAccount
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import actions, call, last_event, page, someone_who_may
from verification.tests.support.exports import NOON, make_attempts
from verification.tests.support.gunicorn import Gunicorn

BOM = b"\xef\xbb\xbf"


def press_export(client: Client, query: str = "") -> Any:
    return client.post(page("verificationattempt_export") + query)


def rows(download: Any) -> list[dict[str, str]]:
    text = download.getvalue().removeprefix(BOM).decode()
    return list(csv.DictReader(text.splitlines()))


def test_the_button_stands_above_the_list(
    on_record: OfficialAccount, li_wei_at_work: Client
) -> None:
    listed = li_wei_at_work.get(page("verificationattempt_changelist"), {"outcome": "refused"})
    [action] = re.findall(r'action="(export/[^"]*)"', listed.text)

    assert action == "export/?outcome=refused"
    assert "Export CSV" in listed.text


def test_everything_is_exported_oldest_first(
    on_record: OfficialAccount, li_wei_at_work: Client
) -> None:
    call("/wechat/brand-a", "NotTheToken123456")
    download = press_export(li_wei_at_work)

    assert [row["outcome"] for row in rows(download)] == ["accepted", "refused"]
    assert download["Content-Type"] == "text/csv"
    assert re.fullmatch(
        r'attachment; filename="attempts-\d{4}-\d\d-\d\d-\d{4}\.csv"',
        download["Content-Disposition"],
    )


def test_a_file_system_that_is_read_only_is_named_on_the_list(
    on_record: OfficialAccount, li_wei_at_work: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr("verification.admin.attempts.export.TemporaryFile", refuse)
    answer = press_export(li_wei_at_work)

    assert answer.url == page("verificationattempt_changelist")
    shown = li_wei_at_work.get(answer.url).text
    assert "The export cannot be written: Read-only file system." in shown


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["brand-a"]),
        ("?outcome=refused", []),
        ("?noise=only", ["nobody"]),
        ("?q=127.0.0.1", ["brand-a"]),
        ("?q=192.0.2.1", []),
        ("?before=1", ["brand-a"]),
    ],
)
def test_what_the_list_shows_is_exported(
    on_record: OfficialAccount, li_wei_at_work: Client, query: str, expected: list[str]
) -> None:
    slugs = [row["path_slug"] for row in rows(press_export(li_wei_at_work, query))]

    assert slugs == [path.removeprefix("/wechat/") for path in expected]


@pytest.mark.parametrize("query", ["?outcome=x", "?q=elsewhere", "?period=yesteryear"])
def test_a_list_that_cannot_be_is_a_bad_request(
    on_record: OfficialAccount, li_wei_at_work: Client, query: str
) -> None:
    assert press_export(li_wei_at_work, query).status_code == 400


def test_excel_reads_chinese_and_takes_no_cell_for_a_formula(
    on_record: OfficialAccount, li_wei_at_work: Client
) -> None:
    call("/wechat/brand-a", A, **{"User-Agent": "=HYPERLINK(1)"})
    download = press_export(li_wei_at_work)
    content = download.getvalue()

    assert content.startswith(BOM + b"id,recorded_at,")
    assert b",'=HYPERLINK(1)," in content
    assert re.search(rb"\n3,\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+08:00,", content)


class TestExplanations:
    def test_the_cause_and_the_advice_are_in_the_language_of_the_page(
        self, on_record: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        call("/wechat/brand-a", "NotTheToken123456")
        url = f"{page('verificationattempt_export')}?outcome=refused"
        [english] = rows(li_wei_at_work.post(url))
        [chinese] = rows(li_wei_at_work.post(url, headers={"Accept-Language": "zh-CN"}))

        assert (english["account"], english["account_name"]) == ("brand-a", "Brand-A")
        assert english["cause"] == "unknown token"
        assert "on the account page" in english["advice"]
        assert re.search("[一-鿿]", chinese["cause"] + chinese["advice"])

    def test_a_long_export_is_finished_without_them_and_says_so(
        self, on_record: OfficialAccount, li_wei_at_work: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("verification.admin.attempts.export.MAX_SECONDS_OF_EXPLAINING", 0)
        [row] = rows(press_export(li_wei_at_work))

        assert row["cause"] == "not explained: the export is too long"
        listed = li_wei_at_work.get(page("verificationattempt_changelist")).text
        assert "The last row is not explained" in listed


class TestOnRecord:
    def test_the_page_learns_that_the_download_has_come(
        self, on_record: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        download = press_export(li_wei_at_work)
        download.getvalue()
        cookie = download.cookies["exported"]

        assert cookie["path"] == page("verificationattempt_changelist")
        assert (cookie["samesite"], cookie["httponly"]) == ("Strict", "")

    def test_the_change_log_knows_the_file(
        self, on_record: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        content = press_export(li_wei_at_work, "?outcome=accepted&before=9").getvalue()
        event = last_event()

        assert (event.action, event.actor, event.client_ip) == ("exported", "li.wei", "127.0.0.1")
        assert event.facts == {
            "format": "csv",
            "rows": 1,
            "sha256": hashlib.sha256(content).hexdigest(),
            "filters": {
                "outcome": "accepted",
                "first": str(latest_days().first),
                "last": str(latest_days().last),
                "kind": "url_verification",
                "noise": "none",
            },
            "complete": True,
        }

    def test_the_next_page_says_the_sha256_and_leads_there(
        self, on_record: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        sha256 = hashlib.sha256(press_export(li_wei_at_work).getvalue()).hexdigest()
        text = li_wei_at_work.get(page("verificationattempt_changelist")).text
        entry = page("changeevent_change", last_event().pk)

        assert f"Exported 1 attempt. SHA-256 <code>{sha256}</code>" in text
        assert f'<a href="{entry}">In the change log</a>' in text
        assert sha256 in li_wei_at_work.get(entry).text

    def test_who_may_not_read_the_change_log_gets_no_link_to_it(
        self, on_record: OfficialAccount, client: Client
    ) -> None:
        client.force_login(someone_who_may("export_attempts", "view_verificationattempt"))
        press_export(client).getvalue()
        text = client.get(page("verificationattempt_changelist")).text

        assert "Exported 1 attempt." in text
        assert "In the change log" not in text


class TestWhoMay:
    def test_who_may_only_look_finds_no_button_and_gets_nothing(
        self, on_record: OfficialAccount, client: Client
    ) -> None:
        client.force_login(someone_who_may("view_verificationattempt"))

        assert "Export CSV" not in client.get(page("verificationattempt_changelist")).text
        assert press_export(client).status_code == 403
        assert "exported" not in actions()

    def test_a_link_exports_nothing(
        self, on_record: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        assert li_wei_at_work.get(page("verificationattempt_export")).status_code == 405
        assert "exported" not in actions()

    def test_another_site_exports_nothing(self, on_record: OfficialAccount, li_wei: Any) -> None:
        careful = Client(enforce_csrf_checks=True)
        careful.force_login(li_wei)

        assert press_export(careful).status_code == 403
        assert "exported" not in actions()


class TestLeaving:
    def test_a_file_leaves_in_pieces_of_one_at_a_time(self) -> None:
        """Django alone would read the whole file into memory under ASGI."""

        async def sizes() -> list[int]:
            return [len(piece) async for piece in Download(BytesIO(bytes(200_000)))]

        assert async_to_sync(sizes)() == [65_536, 65_536, 65_536, 3_392]

    def test_it_leaves_through_gunicorn(self, gunicorn: Gunicorn, li_wei_at_work: Client) -> None:
        make_attempts([NOON] * 1000)
        ChainHead.objects.create(last_attempt_id=1000, last_recorded_at=NOON)
        cookies = f"sessionid={li_wei_at_work.cookies['sessionid'].value}; csrftoken={'c' * 32}"
        url = f"{page('verificationattempt_export')}?first={NOON:%Y-%m-%d}&last={NOON:%Y-%m-%d}"
        form = f"csrfmiddlewaretoken={'c' * 32}"
        answer = gunicorn.send(
            f"POST {url} HTTP/1.0\r\n"
            f"Host: localhost\r\nCookie: {cookies}\r\nContent-Length: {len(form)}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\n\r\n{form}".encode()
        )
        head, _, content = answer.partition(b"\r\n\r\n")

        assert b"200 OK" in head.splitlines()[0]
        assert content.count(b"\r\n") == 1001
        assert last_event().facts["sha256"] == hashlib.sha256(content).hexdigest()
