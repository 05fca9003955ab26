"""The password, the second factor, and who is kept out."""

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
    """One that asks for the second factor."""
    output = tmp_path_factory.mktemp("strict") / "output"
    with running_gunicorn(output, WEB_CONCURRENCY="1", ADMIN_REQUIRE_TOTP="1") as server:
        yield server


@pytest.fixture
def door(strict_gunicorn: Gunicorn, li_wei: User, chromium: Browser) -> Desk:
    """Where nobody is signed in yet."""
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
    """What an app shows that was given the key by hand."""
    seed = "".join(page.locator(".seed").inner_text().split())
    return f"{TOTP(base64.b32decode(seed)).token():06}"


def test_li_wei_sets_up_the_second_factor_by_keyboard_and_is_asked_for_it(
    door: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(door.open())
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
    kept = codes.all_inner_texts()
    inspection.inspect(page)

    page.reload()
    assert not [secret for secret in kept if secret in page.content()]
    sign_out(page)
    type_password(page, PASSWORD)
    expect(page.get_by_text("Enter the code that your authenticator app shows")).to_be_visible()
    inspection.inspect(page)
    type_code(page, kept[0])
    expect(page.locator("#logout-form")).to_be_visible()


@pytest.fixture
def forgotten_password(li_wei: User) -> None:
    """Li Wei has tried four that are wrong."""
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
