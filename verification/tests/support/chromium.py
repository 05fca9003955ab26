"""Run Chromium with Playwright, and open pages in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


expect.set_options(timeout=20_000)  # Tests must not fail because the machine is busy.

#: Chromium runs as root in a container here, and must call no server but ours.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

MINUTE = 60_000  # milliseconds


@contextmanager
def running_chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


class Desk:
    """A browser, signed in with the session key `session` if there is one."""

    def __init__(self, browser: Browser, url: str, session: str = "") -> None:
        self.browser, self.url, self.session = browser, url, session

    def open(self, path: str = "/admin/", language: str = "en-GB", **options: Any) -> Page:
        context = self.browser.new_context(base_url=self.url, locale=language, **options)
        if self.session:
            context.add_cookies([{"name": "sessionid", "value": self.session, "url": self.url}])
        page = context.new_page()
        page.goto(path)
        return page


def poll_after(page: Page, milliseconds: int) -> None:
    """Advance the page's clock, and wait until its live line has polled the server."""
    with page.expect_response("**/live/"):
        page.clock.fast_forward(milliseconds)


# --- The keyboard


def tab_to(target: Locator) -> None:
    """Press Tab until the target has the focus. It must come after the focused element."""
    target.wait_for()
    for _number in range(100):
        target.page.keyboard.press("Tab")
        if target.evaluate("element => element === document.activeElement"):
            return
        assert target.page.evaluate("document.activeElement !== document.body"), "went past it"
    raise AssertionError(f"Tab does not lead to {target}")


def press_enter_on(target: Locator) -> None:
    tab_to(target)
    target.page.keyboard.press("Enter")


def write(field: Locator, text: str) -> None:
    """Replace the content of a field, which must have the focus already."""
    expect(field).to_be_focused()
    field.page.keyboard.press("ControlOrMeta+A")
    field.page.keyboard.insert_text(text)
