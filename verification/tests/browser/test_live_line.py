"""The live line of the account page, which polls for ten minutes."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, expect

from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A
from verification.tests.support.chromium import MINUTE, Desk, poll_after
from verification.tests.support.inspection import Inspection

pytestmark = pytest.mark.browser


@pytest.fixture
def account_page(transactional_db: None) -> str:
    return f"/admin/verification/officialaccount/{make_account('brand-a', A).pk}/change/"


def test_after_ten_minutes_it_stops_and_says_so(
    account_page: str, desk: Desk, inspection: Inspection
) -> None:
    page, polls = inspection.watch(desk.open()), []
    page.on("request", lambda request: polls.append(request.url.endswith("/live/")))
    page.clock.install()
    page.goto(account_page)
    line, again = page.locator("#live"), page.get_by_role("link", name="Check again")
    for minutes in (1, 8):
        poll_after(page, minutes * MINUTE)
        expect(again).to_be_hidden()
    poll_after(page, 2 * MINUTE)
    expect(line).to_contain_text("This page has stopped checking automatically.")
    inspection.inspect(page)
    asked = sum(polls)
    page.clock.run_for(10 * MINUTE)
    assert sum(polls) == asked

    again.click()
    expect(again).to_be_hidden()
    poll_after(page, MINUTE)


def test_it_does_not_keep_li_wei_signed_in(
    account_page: str, desk: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(desk.open())
    page.clock.install()
    page.goto(account_page)
    until = session_ends(page)
    for _number in range(3):
        poll_after(page, MINUTE)
    assert session_ends(page) == until

    page.reload()
    assert session_ends(page) > until


def test_signed_out_it_stops(account_page: str, desk: Desk) -> None:
    page = desk.open(account_page)
    page.context.clear_cookies()
    page.get_by_role("link", name="Check again").wait_for()
    polls = polls_of(page)
    come_back(page)

    assert polls == []


def test_coming_back_to_the_tab_it_asks_at_once_and_once(account_page: str, desk: Desk) -> None:
    page = desk.open()
    page.clock.install(time=0)
    page.clock.pause_at(1000)
    page.goto(account_page)
    polls = polls_of(page)
    with page.expect_response("**/live/"):
        come_back(page, times=2)

    assert len(polls) == 1


def come_back(page: Page, times: int = 1) -> None:
    back = "document.dispatchEvent(new Event('visibilitychange'))"
    page.evaluate(";".join([back] * times))


def polls_of(page: Page) -> list[str]:
    """Return a list to which each later poll of the page adds its URL."""
    polls: list[str] = []

    def note(request: Request) -> None:
        if urlsplit(request.url).path.endswith("/live/"):
            polls.append(request.url)

    page.on("request", note)
    return polls


def session_ends(page: Page) -> float:
    return next(
        cookie["expires"] for cookie in page.context.cookies() if cookie["name"] == "sessionid"
    )
