"""What people see, in a real Chromium, served by the real gunicorn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from verification.tests.conftest import CHROMIUM
from verification.tests.gunicorn import Gunicorn
from verification.tests.signer import verification

pytestmark = pytest.mark.browser
expect.set_options(timeout=20_000)  # a busy machine is no failure

#: It runs as root in a container, and calls nobody but our server.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture
def chromium(gunicorn: Gunicorn) -> Iterator[Browser]:
    """A browser for one test, gone before the database is emptied.

    While playwright's event loop runs in this thread, Django refuses the ORM. These tests look
    at pages only: whoever needs rows makes them in a fixture that comes before this one.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Problems(list[str]):
    """What a page's console complains about, and scripts that fail."""

    def watch(self, page: Page) -> Page:
        page.on("console", self.note)
        page.on("pageerror", lambda error: self.append(str(error)))
        return page

    def note(self, message: ConsoleMessage) -> None:
        # Chromium asks every site for that one, and we have none.
        is_icon = message.location.get("url", "").endswith("/favicon.ico")
        if message.type in {"error", "warning"} and not is_icon:
            self.append(message.text)


def send(gunicorn: Gunicorn, path: str, token: str) -> bytes:
    return gunicorn.send(f"GET {path}?{verification(token)} HTTP/1.0\r\n\r\n".encode())


def test_li_wei_connects_an_account_and_sees_wechat_verify_it(
    gunicorn: Gunicorn, li_wei: User, chromium: Browser
) -> None:
    problems = Problems()
    page = problems.watch(chromium.new_page(locale="en-GB"))
    page.goto(f"{gunicorn.url}/admin/")
    page.get_by_label("Username").fill("li.wei")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Log in").click()

    page.get_by_role("link", name="Official accounts").click()
    page.get_by_role("link", name="Add official account").click()
    page.get_by_label("Name:").fill("上海旗舰店")
    slug = page.get_by_label("Slug:").input_value()
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="上海旗舰店").first.click()
    page.get_by_role("button", name="Reveal token").click()
    path, token = page.locator("code.secret").all_inner_texts()
    assert path == f"/wechat/{slug}"

    assert send(gunicorn, path, token).endswith(b"4375120948345356249")
    assert send(gunicorn, path, "NotTheToken123456").endswith(b"bad token")
    page.get_by_role("link", name="Verification attempts").click()
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("Signature mismatch")
    expect(rows.nth(1)).to_contain_text("Accepted")
    expect(rows.nth(1)).to_contain_text("上海旗舰店")
    rows.nth(1).get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Verification attempt 1")
    assert problems == []


@pytest.mark.parametrize(
    ("language", "heading"),
    [("en-GB", "This address is for WeChat"), ("zh-CN", "此地址供微信调用")],
)
def test_the_landing_page_reads_well_by_day_by_night_and_on_a_phone(
    gunicorn: Gunicorn, chromium: Browser, language: str, heading: str
) -> None:
    problems = Problems()
    inks = set()
    for color_scheme, width in (("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)):
        context = chromium.new_context(
            locale=language,
            color_scheme=color_scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": 800},
        )
        page = problems.watch(context.new_page())
        page.goto(gunicorn.url)

        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        chart = page.locator("svg.chart").bounding_box()
        assert chart is not None
        assert chart["width"] > 250
        assert chart["x"] >= 0
        assert chart["x"] + chart["width"] <= width
        inks.add(page.evaluate("getComputedStyle(document.body).color"))
        page.locator("main a[href='/admin/']").click()
        expect(page.locator("#id_password")).to_be_visible()
        context.close()
    assert problems == []
    assert len(inks) == 2, "one for the day and one for the night"
