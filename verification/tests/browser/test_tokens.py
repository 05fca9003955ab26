"""Rotating, keeping and retiring tokens in the browser, which does not keep their pages."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

import pytest
from playwright.sync_api import Error, Page, expect

from verification.accounts.tokens import rotate_token
from verification.models import OfficialAccount
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A
from verification.tests.support.chromium import Desk, press_enter_on
from verification.tests.support.inspection import Inspection

pytestmark = pytest.mark.browser

NEW = "NewTokenOfBrandA99"


@pytest.fixture
def rotated(transactional_db: None) -> OfficialAccount:
    """Return an account whose old token is valid for another day."""
    brand_a = make_account("brand-a", A)
    rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(hours=24))
    return brand_a


def path_of(account: OfficialAccount) -> str:
    return f"/admin/verification/officialaccount/{account.pk}/change/"


def token_on(page: Page) -> str:
    return page.locator("#token").inner_text()


def test_the_old_token_is_kept_longer_and_then_retired_by_keyboard(
    rotated: OfficialAccount, desk: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(desk.open(path_of(rotated)))
    until = page.locator("[data-label='Valid until']").last
    first = until.inner_text()
    press_enter_on(page.get_by_role("button", name="Keep 24 h longer"))
    expect(page.locator(".messagelist")).to_have_text("The old token is valid 24 h longer.")
    assert until.inner_text() > first

    press_enter_on(page.get_by_role("link", name="Retire old token now…"))
    expect(page.locator(".banner")).to_contain_text("WeChat has not used the new token yet.")
    press_enter_on(page.get_by_role("button", name="Retire old token now"))
    expect(page.locator(".messagelist")).to_have_text("The old token is retired.")
    expect(page.get_by_role("link", name="Retire old token now…")).to_have_count(0)
    expect(page.locator(".records")).to_contain_text("token retired")
    inspection.inspect(page)


def test_an_account_is_paused_and_resumed_by_keyboard(
    rotated: OfficialAccount, desk: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(desk.open(path_of(rotated)))
    for act, state in (("Pause", "Paused by li.wei"), ("Resume", "WeChat has not called yet")):
        press_enter_on(page.locator("#account-tools").get_by_role("link", name=f"{act}…"))
        press_enter_on(page.get_by_role("button", name=act, exact=True))
        expect(page.locator(".messagelist")).to_have_text(f"{act}d Brand-A.")
        expect(page.locator("#status")).to_contain_text(state)


def test_a_revealed_token_is_gone_with_its_page(
    rotated: OfficialAccount, desk: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(desk.open(path_of(rotated)))
    press_enter_on(page.get_by_role("button", name="Reveal token"))
    assert token_on(page) == NEW

    expect(page.locator(".records")).to_contain_text("token revealed")
    page.reload()
    expect(page.locator("#token")).to_have_count(0)
    assert_shown_no_more(page, NEW)


def test_a_rotated_token_is_shown_once(
    rotated: OfficialAccount, desk: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(desk.open(path_of(rotated)))
    press_enter_on(page.get_by_role("link", name="Rotate token…"))
    press_enter_on(page.get_by_role("button", name="Rotate token"))
    token = token_on(page)
    page.reload()
    expect(page.locator("#token")).to_have_count(0)
    assert_shown_no_more(page, token)


def test_the_token_of_a_new_account_is_shown_once(desk: Desk) -> None:
    page = desk.open("/admin/verification/officialaccount/add/")
    page.get_by_label("Name:").fill("上海旗舰店")
    page.get_by_role("button", name="Save", exact=True).click()
    token = token_on(page)
    page.reload()
    expect(page.locator("#token")).to_have_count(0)
    assert_shown_no_more(page, token)


def assert_shown_no_more(page: Page, token: str) -> None:
    """Check this page, and the pages that Back and Forward lead to."""
    for step in (page.title, page.go_back, page.go_back, page.go_forward, page.go_forward):
        with suppress(Error):  # Chromium has kept nothing, and says so on a page of its own
            step()
        assert token not in page.locator("html").evaluate("element => element.outerHTML")
