"""Connecting a new account until WeChat has verified it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from verification.tests.support.chromium import (
    MINUTE,
    Desk,
    poll_after,
    press_enter_on,
    tab_to,
    write,
)
from verification.tests.support.inspection import Inspection
from verification.tests.support.signer import verification

pytestmark = pytest.mark.browser

ADD = "/admin/verification/officialaccount/add/"
CLIPBOARD = ["clipboard-read", "clipboard-write"]


def add_account(page: Page, name: str) -> tuple[str, str]:
    """Add an account, and return the server URL and the token that the answer shows."""
    page.goto(ADD)
    page.get_by_label("Name:").fill(name)
    page.get_by_role("button", name="Save", exact=True).click()
    return shown(page)


def shown(page: Page) -> tuple[str, str]:
    values = page.locator("code.value")
    expect(values).to_have_count(2)
    server_url, token = values.all_inner_texts()
    return server_url, token


def wechat_calls(page: Page, server_url: str, token: str) -> str:
    return page.request.get(f"{server_url}?{verification(token)}").text()


def copied_by(button: Locator) -> str:
    press_enter_on(button)
    expect(button).to_have_text("Copied")
    return str(button.page.evaluate("navigator.clipboard.readText()"))


def test_li_wei_connects_an_account_by_keyboard_and_sees_wechat_verify_it(
    desk: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(desk.open(permissions=CLIPBOARD))
    page.clock.install()
    press_enter_on(page.locator("#content").get_by_role("link", name="Official accounts"))
    press_enter_on(page.get_by_role("link", name="Add official account"))
    write(page.get_by_label("Name:"), "上海旗舰店")
    slug = page.get_by_label("Slug:").input_value()
    expect(page.get_by_label("The token in WeChat")).to_be_hidden()
    press_enter_on(page.get_by_role("button", name="Save", exact=True))
    server_url, token = shown(page)
    assert server_url == f"{desk.url}/wechat/{slug}"
    inspection.inspect(page)
    for button, text in enumerate((server_url, token)):
        assert copied_by(page.locator("[data-copy]").nth(button)) == text

    press_enter_on(page.get_by_role("link", name="Continue to 上海旗舰店"))
    line, enable = (
        page.locator("#live"),
        page.get_by_text("Set a backend, then press Enable (启用)"),
    )
    expect(line).to_contain_text("Waiting for WeChat…")
    assert copied_by(page.locator("[data-copy]")) == server_url
    assert wechat_calls(page, server_url, "NotTheToken123456") == "bad token"
    poll_after(page, MINUTE)
    expect(line).to_contain_text("unknown token")
    expect(enable).to_be_hidden()
    assert wechat_calls(page, server_url, token) == "4375120948345356249"
    poll_after(page, MINUTE)
    expect(line).to_contain_text("Verified on")
    expect(line).to_have_css("border-left-color", "rgb(10, 102, 64)")
    expect(enable).to_be_visible()

    page.get_by_role("link", name="Verification attempts").last.click()
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("Accepted")
    expect(rows.nth(1)).to_contain_text("unknown token")


def test_a_token_that_wechat_would_not_take_is_refused_in_a_sentence(
    desk: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(desk.open(ADD))
    page.get_by_label("Name:").fill("上海旗舰店")
    page.get_by_label("Enter the one WeChat already has").check()
    page.get_by_label("The token in WeChat").fill("two words")
    page.get_by_role("button", name="Save", exact=True).click()
    sentence = page.get_by_text("The token has a space or line break in it; remove it.")
    expect(sentence).to_be_visible()
    expect(page.get_by_label("The token in WeChat")).to_have_value("")
    inspection.inspect(page)

    tab_to(page.get_by_label("The token in WeChat"))
    write(page.get_by_label("The token in WeChat"), "TheTokenInTheConsole1")
    press_enter_on(page.get_by_role("button", name="Save", exact=True))
    assert shown(page)[1] == "TheTokenInTheConsole1"


def test_an_account_can_be_connected_without_javascript(desk: Desk, inspection: Inspection) -> None:
    page = inspection.watch(desk.open(java_script_enabled=False))
    server_url, token = add_account(page, "上海旗舰店")
    expect(page.locator("[data-copy]").first).to_be_hidden()
    page.get_by_role("link", name="Continue to 上海旗舰店").click()
    line, again = page.locator("#live"), page.get_by_role("link", name="Check again")
    expect(line).to_contain_text("Waiting for WeChat…")
    for called_with, text in (("NotTheToken123456", "unknown token"), (token, "Verified on")):
        wechat_calls(page, server_url, called_with)
        again.click()
        expect(line).to_contain_text(text)
    expect(page.get_by_text("Set a backend, then press Enable (启用)")).to_be_attached()
