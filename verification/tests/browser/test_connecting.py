"""Connecting an account on its page until WeChat has verified it, and when its calls fail."""

from __future__ import annotations

import time
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from verification.accounts.tokens import rotate_token
from verification.models.noise import WECHAT_USER_AGENT
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import wechat_verifies
from verification.tests.support.chromium import (
    MINUTE,
    Desk,
    poll_after,
    press_enter_on,
    tab_to,
    write,
)
from verification.tests.support.inspection import Inspection
from verification.tests.support.messages import OTHER_AES_KEY
from verification.tests.support.signer import verification
from verification.tests.support.wecom import CORP_ID, ECHOSTR, wecom_verification

pytestmark = pytest.mark.browser

ADD = "/admin/verification/officialaccount/add/"
CLIPBOARD = ["clipboard-read", "clipboard-write"]
NEW = "NewTokenOfBrandA99"


@pytest.fixture
def another_brand(transactional_db: None) -> None:
    make_account("brand-b", B)


@pytest.fixture
def connected(another_brand: None) -> str:
    """Return the path of an account that was verified, and whose calls now have another token."""
    account = make_account("brand-a", NEW)
    rotate_token(account, A, LI_WEI, keep_old=timedelta(0))
    for token in (A, B):
        wechat_verifies(account, token)
    return f"/admin/verification/officialaccount/{account.pk}/change/"


def add_account(page: Page, name: str) -> tuple[str, str]:
    """Add an account, and return the server URL and the token that its page shows."""
    page.goto(ADD)
    page.get_by_label("Name:").fill(name)
    page.get_by_role("button", name="Save", exact=True).click()
    return shown(page)


def shown(page: Page) -> tuple[str, str]:
    token = page.locator("#token")
    expect(token).to_be_visible()
    return page.locator("#server-url").inner_text(), token.inner_text()


def wechat_calls(page: Page, server_url: str, token: str) -> str:
    """Call the server URL as WeChat does, now: an old timestamp would make it a copy."""
    query = verification(token, timestamp=str(int(time.time())))
    url = f"{server_url}?{query}"
    return page.request.get(url, headers={"User-Agent": WECHAT_USER_AGENT}).text()


def copied_by(button: Locator) -> str:
    press_enter_on(button)
    expect(button).to_have_text("Copied")
    return str(button.page.evaluate("navigator.clipboard.readText()"))


def test_li_wei_connects_an_account_by_keyboard_on_one_page(
    another_brand: None, desk: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(desk.open(permissions=CLIPBOARD))
    page.clock.install()
    press_enter_on(page.locator("#content").get_by_role("link", name="All accounts"))
    press_enter_on(page.get_by_role("link", name="Add account"))
    tab_to(page.get_by_label("Name:"))
    write(page.get_by_label("Name:"), "上海旗舰店")
    slug = page.get_by_label("Slug:").input_value()
    expect(page.get_by_label("The token in the console")).to_be_hidden()
    press_enter_on(page.get_by_role("button", name="Save", exact=True))
    server_url, token = shown(page)
    assert server_url == f"{desk.url}/wechat/{slug}"
    expect(page.locator("#connect-token")).to_be_focused()
    assert copied_by(page.locator("[data-copy=token]")) == token
    inspection.inspect(page)

    badge, connect = page.locator("#status .badge"), page.locator("#connect")
    expect(badge).to_contain_text("Waiting")
    typed = page.locator("#id_notes")
    typed.evaluate("field => field.value = 'half a sentence'")
    tab_to(page.get_by_role("link", name="token验证失败"))
    assert wechat_calls(page, server_url, B) == "bad token"
    poll_after(page, MINUTE)
    expect(badge).to_contain_text("Failing")
    expect(page.locator("#status")).to_contain_text("token of “Brand-B”")
    expect(page.get_by_role("status")).to_have_text("Failing: Refused: token of “Brand-B”")
    expect(page.locator("#records")).to_contain_text("token of “Brand-B”")
    expect(page.get_by_role("link", name="token验证失败")).to_be_focused()
    page.keyboard.press("Enter")
    advice = page.locator("#connect .advice")
    expect(advice).to_contain_text("“Brand-B”")
    expect(advice).to_be_focused()
    expect(page.locator("#token")).to_have_text(token)
    assert typed.input_value() == "half a sentence"

    assert wechat_calls(page, server_url, token) == "4375120948345356249"
    poll_after(page, MINUTE)
    expect(badge).to_contain_text("Verified")
    expect(advice).to_have_count(0)
    expect(connect.locator("> summary")).to_be_focused()
    assert urlsplit(page.url).query == ""
    expect(page.locator("#token")).to_have_text(token)
    expect(badge).to_have_css("color", "rgb(10, 102, 64)")
    expect(page.get_by_text("Set a backend, then press Enable (启用)")).to_be_visible()
    expect(page.locator("#content")).not_to_contain_text("not called yet")
    expect(connect).to_have_attribute("open", "")
    assert typed.input_value() == "half a sentence"
    inspection.inspect(page)

    page.get_by_role("link", name="Verification attempts").last.click()
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(2)


def wecom_calls(page: Page, server_url: str, token: str, key: str) -> str:
    query = wecom_verification(token, key=key, timestamp=str(int(time.time())))
    return page.request.get(f"{server_url}?{query}").text()


def test_li_wei_connects_a_wecom_app_by_keyboard_on_one_page(
    another_brand: None, desk: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(desk.open(ADD, permissions=CLIPBOARD))
    page.clock.install()
    for name in ("SuiteID:", "The EncodingAESKey in the console"):
        expect(page.get_by_label(name)).to_be_hidden()
    expect(page.get_by_role("textbox", name="AppID")).to_be_visible()
    page.keyboard.press("ArrowUp")  # from the first platform to the last one
    expect(page.get_by_label("WeCom app")).to_be_checked()
    expect(page.get_by_label("SuiteID:")).to_be_visible()
    expect(page.get_by_label("Original ID:")).to_be_hidden()
    tab_to(page.get_by_label("Name:"))
    write(page.get_by_label("Name:"), "客服应用")
    press_enter_on(page.get_by_role("button", name="Save", exact=True))
    expect(page.get_by_text("Enter the CorpID (企业ID)")).to_be_visible()
    inspection.inspect(page)
    corp_id = page.get_by_role("textbox", name="CorpID (企业ID)")
    tab_to(corp_id)
    write(corp_id, CORP_ID)
    press_enter_on(page.get_by_role("button", name="Save", exact=True))

    server_url, token = shown(page)
    key = page.locator("#aes-key").inner_text()
    assert copied_by(page.locator("[data-copy=token]")) == token
    assert copied_by(page.locator("[data-copy=aes-key]")) == key
    assert copied_by(page.locator("[data-copy=corp-id]")) == CORP_ID
    tab_to(page.get_by_role("link", name="openapi回调地址请求不通过"))
    page.keyboard.press("Enter")
    advice = page.locator("#connect .advice")
    expect(advice).to_contain_text("WeCom has not reached this server")
    expect(page.locator("#aes-key")).to_have_text(key)

    badge = page.locator("#status .badge")
    assert wecom_calls(page, server_url, token, OTHER_AES_KEY) == "bad token"
    poll_after(page, MINUTE)
    expect(page.locator("#status")).to_contain_text("Refused: ")
    assert wecom_calls(page, server_url, token, key) == ECHOSTR
    poll_after(page, MINUTE)
    expect(badge).to_contain_text("Verified")
    expect(page.locator("#token")).to_have_text(token)
    expect(page.locator("#aes-key")).to_have_text(key)
    expect(page.get_by_text("Send the app a message: it arrives here.")).to_be_visible()
    inspection.inspect(page)


def test_a_wecom_app_can_be_connected_without_javascript(
    desk: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(desk.open(ADD, java_script_enabled=False))
    page.get_by_label("WeCom app").check()
    page.get_by_label("Name:").fill("客服应用")
    page.get_by_role("textbox", name="CorpID (企业ID)").fill(CORP_ID)
    page.get_by_role("button", name="Save", exact=True).click()
    server_url, token = shown(page)
    key = page.locator("#aes-key").inner_text()
    wecom_calls(page, server_url, token, key)
    page.get_by_role("link", name="Check again").click()
    expect(page.locator("#status")).to_contain_text("Verified on")
    page.locator("#connect > summary").click()
    page.get_by_role("button", name="Reveal key").click()
    expect(page.locator("#aes-key")).to_have_text(key)


def test_a_connected_account_that_fails_turns_red_and_green_again_without_reloading(
    connected: str, desk: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(desk.open())
    page.clock.install()
    page.goto(connected)
    status, connect = page.locator("#status"), page.locator("#connect")
    expect(status).to_contain_text("Refused: token of “Brand-B”")
    expect(connect).to_have_attribute("open", "")
    expect(status.locator("#account-url")).to_contain_text("/wechat/brand-a")
    page.locator("#connect .aside summary").click()
    wechat_calls(page, "/wechat/brand-a", NEW)
    poll_after(page, MINUTE)
    expect(status).to_contain_text("retired token")
    expect(page.locator("#connect .aside")).to_have_attribute("open", "")

    wechat_calls(page, "/wechat/brand-a", A)
    poll_after(page, MINUTE)
    expect(status.locator(".badge")).to_have_class("badge is-good")
    inspection.inspect(page)

    wechat_calls(page, "/wechat/brand-a", B)
    poll_after(page, MINUTE)
    expect(status.locator(".badge")).to_have_class("badge is-bad")


def test_a_token_that_wechat_would_not_take_is_refused_in_a_sentence(
    desk: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(desk.open(ADD))
    page.get_by_label("Name:").fill("上海旗舰店")
    page.get_by_label("Enter the one that the console already has").check()
    page.get_by_label("The token in the console").fill("two words")
    page.get_by_role("button", name="Save", exact=True).click()
    sentence = page.get_by_text("The token has a space or line break in it; remove it.")
    expect(sentence).to_be_visible()
    expect(page.get_by_label("The token in the console")).to_have_value("")
    inspection.inspect(page)

    tab_to(page.get_by_label("The token in the console"))
    write(page.get_by_label("The token in the console"), "TheTokenInTheConsole1")
    press_enter_on(page.get_by_role("button", name="Save", exact=True))
    assert shown(page)[1] == "TheTokenInTheConsole1"


def test_an_account_can_be_connected_without_javascript(desk: Desk, inspection: Inspection) -> None:
    page = inspection.watch(desk.open(java_script_enabled=False))
    server_url, token = add_account(page, "上海旗舰店")
    expect(page.locator("[data-copy]").first).to_be_hidden()
    status, again = page.locator("#status"), page.get_by_role("link", name="Check again")
    expect(status).to_contain_text("WeChat has not called yet")
    for called_with, text in (("NotTheToken123456", "unknown token"), (token, "Verified on")):
        wechat_calls(page, server_url, called_with)
        again.click()
        expect(status).to_contain_text(text)
    expect(page.get_by_text("Set a backend, then press Enable (启用)")).to_be_attached()
