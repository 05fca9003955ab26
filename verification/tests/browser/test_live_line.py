"""The line of the connect card that says by itself whether WeChat has called."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from verification.tests.browser.chromium import MINUTE, Desk, poll_after
from verification.tests.browser.inspection import Inspection
from verification.tests.conftest import make_account
from verification.tests.contract import A

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
    expect(line).to_contain_text("This page has stopped checking by itself.")
    inspection.look(page)
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


def session_ends(page: Page) -> float:
    return next(
        cookie["expires"] for cookie in page.context.cookies() if cookie["name"] == "sessionid"
    )
