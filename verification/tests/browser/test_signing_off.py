"""An auditor signs off a quarter in the browser, and prints the paper: no terminal is needed."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from verification.models import OfficialAccount
from verification.tests.support.accounts import make_account, record_as_they_are
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import wechat_verifies
from verification.tests.support.chromium import Desk
from verification.tests.support.inspection import Inspection

pytestmark = pytest.mark.browser

#: A4 without its margins, in pixels.
PAPER: Any = {"width": 680, "height": 1000}
LONG_NAMES = [
    "Department Store Loyalty Programme of the East (Shanghai and Hangzhou) A",
    "一二三四五" * 14,
]


@pytest.fixture
def called(li_wei: User) -> None:
    """Give li.wei a full name, and record a verification and a refusal of two accounts."""
    User.objects.update(first_name="芳", last_name="王")
    for number, name in enumerate(LONG_NAMES):
        account = make_account(f"brand-{number}", A)
        OfficialAccount.objects.filter(pk=account.pk).update(name=name)
        wechat_verifies(account, A)
        wechat_verifies(account, B)
    record_as_they_are()


def test_a_quarter_becomes_a_printed_sign_off(
    called: None, desk: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(desk.open("/admin/"))
    page.locator("a", has_text="Sign-offs").first.click()
    sign(page, "last_quarter")
    expect(page.locator("h1")).to_contain_text("Sign-off 1:")
    page.goto("/admin/verification/changeevent/sign-offs/")
    sign(page, "last_quarter", warning="was signed off before")
    expect(page.locator("h1")).to_contain_text("Sign-off 2:")
    inspection.inspect(page)
    print_the_paper(page)
    page.emulate_media(media="screen")
    page.goto("/admin/verification/changeevent/sign-offs/new/?period=this_quarter")
    inspection.inspect(page)


def print_the_paper(page: Page) -> None:
    assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF")
    page.emulate_media(media="print")
    expect(page.get_by_text("Handwritten signature: 王芳")).to_be_visible()
    expect(page.locator(".print-foot")).to_contain_text("opened")
    page.set_viewport_size(PAPER)
    for selector in ("#header", "#nav-sidebar", ".breadcrumbs", "[data-print]"):
        expect(page.locator(selector)).to_be_hidden()
    for path in (
        "changeevent/",
        "seal/",
        "tally/",
        "verificationattempt/",
        "changeevent/sign-offs/",
    ):
        page.goto(f"/admin/verification/{path}")
        expect(page.locator("#content table:visible").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= PAPER["width"], path


def sign(page: Page, period: str, warning: str = "") -> None:
    page.get_by_role("link", name="Sign off a period").click()
    page.locator(f"[href='?period={period}']").click()
    page.locator("#id_note").fill("Looked at each refusal, found nothing unusual.")
    if warning:
        expect(page.locator("ul.banner")).to_contain_text(warning)
        page.locator("#id_confirm").check()
    page.locator("form.sign [type=submit]").click()
    page.locator(".paper").wait_for()
