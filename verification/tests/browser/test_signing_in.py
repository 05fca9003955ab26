"""Signing in with a password and the second factor, and the lockout."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django_otp.oath import TOTP
from playwright.sync_api import Browser, Page, expect

from verification.tests.support.chromium import Desk, press_enter_on, tab_to, write
from verification.tests.support.gunicorn import Gunicorn, running_gunicorn
from verification.tests.support.inspection import Inspection

pytestmark = pytest.mark.browser

PASSWORD = "correct horse battery"  # of li_wei


@pytest.fixture
def strict_gunicorn(
    transactional_db: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gunicorn]:
    """Run a server that requires the second factor."""
    output = tmp_path_factory.mktemp("strict") / "output"
    with running_gunicorn(output, WEB_CONCURRENCY="1", ADMIN_REQUIRE_TOTP="1") as server:
        yield server


@pytest.fixture
def signed_out_desk(strict_gunicorn: Gunicorn, li_wei: User, chromium: Browser) -> Desk:
    """Return a desk at which nobody is signed in yet."""
    return Desk(chromium, strict_gunicorn.url)


def type_password(page: Page, password: str) -> None:
    write(page.get_by_label("Username"), "li.wei")
    tab_to(page.get_by_label("Password"))
    write(page.get_by_label("Password"), password)
    press_enter_on(page.get_by_role("button", name="Log in"))


def type_code(page: Page, code: str) -> None:
    write(page.get_by_label("Code:"), code)
    press_enter_on(page.get_by_role("button", name="Continue"))


def sign_out(page: Page) -> None:
    page.get_by_role("button", name="Log out").click()
    page.goto("/admin/")


def code_of_the_app(page: Page) -> str:
    """Return the code of an app into which the key was typed."""
    seed = "".join(page.locator(".seed").inner_text().split())
    return f"{TOTP(base64.b32decode(seed)).token():06}"


def test_li_wei_sets_up_the_second_factor_by_keyboard_and_is_asked_for_it(
    signed_out_desk: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(signed_out_desk.open())
    inspection.inspect(page)
    type_password(page, "a wrong guess")
    expect(page.get_by_text("Please enter the correct username and password")).to_be_visible()
    inspection.inspect(page)
    type_password(page, PASSWORD)

    drawn = page.get_by_role("img", name="QR code for the authenticator app").bounding_box()
    assert drawn is not None
    assert drawn["width"] == drawn["height"] > 150
    inspection.inspect(page)
    type_code(page, code_of_the_app(page))
    codes = page.locator(".recovery-codes code")
    expect(codes).to_have_count(10)
    recovery_codes = codes.all_inner_texts()
    inspection.inspect(page)

    page.reload()
    assert not [secret for secret in recovery_codes if secret in page.content()]
    sign_out(page)
    type_password(page, PASSWORD)
    expect(page.get_by_text("Enter the code that your authenticator app shows")).to_be_visible()
    inspection.inspect(page)
    type_code(page, recovery_codes[0])
    expect(page.locator("#logout-form")).to_be_visible()


@pytest.fixture
def forgotten_password(li_wei: User) -> None:
    """Let four sign-ins of li.wei fail."""
    for number in range(4):
        guess = {"username": "li.wei", "password": f"guess {number}"}
        assert Client().post("/admin/login/", guess).status_code == 200


def test_after_five_wrong_passwords_a_page_says_how_long_to_wait(
    gunicorn: Gunicorn, forgotten_password: None, chromium: Browser, inspection: Inspection
) -> None:
    page = inspection.watch(Desk(chromium, gunicorn.url).open())
    type_password(page, "guess 5")
    expect(page.get_by_role("heading")).to_contain_text("Too many failed sign-ins.")
    expect(page.get_by_text("locked for 15 minutes")).to_be_visible()
    inspection.inspect(page)

    press_enter_on(page.get_by_role("link", name="sign in again"))
    type_password(page, PASSWORD)
    expect(page.get_by_role("heading")).to_contain_text("Too many failed sign-ins.")
