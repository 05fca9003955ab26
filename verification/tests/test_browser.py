"""What people see, in a real Chromium, served by the real gunicorn."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.contrib.auth.models import User
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from verification.models.token import rotate_token
from verification.tests.conftest import CHROMIUM, make_account
from verification.tests.contract import A, B
from verification.tests.gunicorn import Gunicorn, running_gunicorn
from verification.tests.people import wechat_verifies
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


def sign_in(page: Page, gunicorn: Gunicorn) -> None:
    page.goto(f"{gunicorn.url}/admin/")
    page.locator("#id_username").fill("li.wei")
    page.locator("#id_password").fill("correct horse battery")
    page.locator("#login-form [type=submit]").click()
    expect(page.locator("#logout-form")).to_be_visible()


@pytest.fixture
def fresh_gunicorn(transactional_db: None, tmp_path: Path) -> Iterator[Gunicorn]:
    """For saving in the admin: the one that all tests share remembers content types, which an
    emptied database has under other numbers."""
    with running_gunicorn(tmp_path / "output", WEB_CONCURRENCY="1") as server:
        yield server


def test_li_wei_connects_an_account_and_sees_wechat_verify_it(
    fresh_gunicorn: Gunicorn, li_wei: User, chromium: Browser
) -> None:
    gunicorn = fresh_gunicorn
    problems = Problems()
    context = chromium.new_context(locale="en-GB")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = problems.watch(context.new_page())
    sign_in(page, gunicorn)

    page.get_by_role("link", name="Official accounts").click()
    page.get_by_role("link", name="Add official account").click()
    page.get_by_label("Name:").fill("上海旗舰店")
    slug = page.get_by_label("Slug:").input_value()
    expect(page.get_by_label("The token in WeChat")).to_be_hidden()
    page.get_by_role("button", name="Save", exact=True).click()
    shown = page.locator("code.value")
    expect(shown).to_have_count(2)
    url, token = shown.all_inner_texts()
    assert url == f"{gunicorn.url}/wechat/{slug}"
    page.get_by_role("button", name="Copy").last.click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == token

    page.get_by_role("link", name="Go on to 上海旗舰店").click()
    line = page.locator("#live")
    expect(line).to_contain_text("Waiting for WeChat…")
    assert send(gunicorn, f"/wechat/{slug}", "NotTheToken123456").endswith(b"bad token")
    expect(line).to_contain_text("unknown token")
    expect(page.get_by_text("Press Enable (启用) when you are ready")).to_be_hidden()
    assert send(gunicorn, f"/wechat/{slug}", token).endswith(b"4375120948345356249")
    expect(line).to_contain_text("Verified on")
    expect(line).to_have_css("border-left-color", "rgb(10, 102, 64)")
    expect(page.get_by_text("Press Enable (启用) when you are ready")).to_be_visible()

    page.get_by_role("link", name="Verification attempts").last.click()
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("Accepted")
    expect(rows.nth(1)).to_contain_text("Signature mismatch")
    assert problems == []


@pytest.fixture
def brand_a_page(transactional_db: None) -> str:
    return f"/admin/verification/officialaccount/{make_account('brand-a', A).pk}/change/"


def polls_of(page: Page) -> list[str]:
    """Filled with what it asks from now on."""
    polls: list[str] = []

    def note(request: Request) -> None:
        if urlsplit(request.url).path.endswith("/live/"):
            polls.append(request.url)

    page.on("request", note)
    return polls


def test_a_page_that_was_left_open_says_when_it_is_out_of_date(
    gunicorn: Gunicorn, li_wei: User, brand_a_page: str, chromium: Browser
) -> None:
    page = chromium.new_context(locale="en-GB").new_page()
    sign_in(page, gunicorn)
    page.goto(gunicorn.url + brand_a_page)
    page.get_by_label("Notes").evaluate("field => field.value = 'half a sentence'")
    assert page.get_by_text("Reload this page").is_hidden()
    send(gunicorn, "/wechat/brand-a", A)

    expect(page.locator("#live")).to_contain_text("Verified on")
    expect(page.get_by_text("Not used by WeChat yet")).to_be_visible()
    assert page.get_by_label("Notes").input_value() == "half a sentence"
    page.get_by_text("Reload this page").click()
    expect(page.get_by_text("Not used by WeChat yet")).to_be_hidden()


def test_a_page_that_was_left_open_stops_asking_once_signed_out(
    gunicorn: Gunicorn, li_wei: User, brand_a_page: str, chromium: Browser
) -> None:
    context = chromium.new_context(locale="en-GB")
    page = context.new_page()
    sign_in(page, gunicorn)
    page.goto(gunicorn.url + brand_a_page)
    polls = polls_of(page)
    context.clear_cookies()

    expect(page.get_by_text("Check again")).to_be_visible()
    assert len(polls) == 1
    # Coming back to the tab, twice at once, asks no more.
    page.evaluate("for (const _ of '12') document.dispatchEvent(new Event('visibilitychange'))")
    assert len(polls) == 1


def test_coming_back_to_the_tab_asks_at_once_and_once(
    gunicorn: Gunicorn, li_wei: User, brand_a_page: str, chromium: Browser
) -> None:
    page = chromium.new_context(locale="en-GB").new_page()
    sign_in(page, gunicorn)
    page.goto(gunicorn.url + brand_a_page)
    polls = polls_of(page)
    page.evaluate("for (const _ of '123') document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for_timeout(2000)

    assert len(polls) == 1


def test_what_the_console_said_is_asked_again_without_javascript_too(
    gunicorn: Gunicorn, li_wei: User, brand_a_page: str, chromium: Browser
) -> None:
    page = chromium.new_context(locale="en-GB", java_script_enabled=False).new_page()
    sign_in(page, gunicorn)
    page.goto(f"{gunicorn.url}{brand_a_page}?console=success")
    before = page.locator(".advice").inner_text()
    send(gunicorn, "/wechat/brand-a", A)
    page.locator(".console [aria-current]").click()

    expect(page.locator(".advice")).not_to_have_text(before)


@pytest.fixture
def two_brands(transactional_db: None) -> list[str]:
    """The operator's pages, when one account is verified and another one is refused."""
    brand_a, brand_b = make_account("brand-a", A), make_account("brand-b", B)
    wechat_verifies(brand_a, A)
    wechat_verifies(brand_b, A)
    rotate_token(brand_a, "NewTokenOfBrandA99", actor="li.wei", keep_old=timedelta(hours=24))
    account = f"officialaccount/{brand_a.pk}"
    return [
        *("officialaccount/", "officialaccount/add/", f"{account}/rotate/"),
        *(f"{account}/change/", f"officialaccount/{brand_b.pk}/change/?console=token"),
        f"officialaccount/pause/?account={brand_a.pk}",
    ]


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
@pytest.mark.parametrize(("color_scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_pages_of_the_operator_are_for_everybody(
    gunicorn: Gunicorn,
    li_wei: User,
    two_brands: list[str],
    chromium: Browser,
    language: str,
    color_scheme: str,
    width: int,
) -> None:
    problems = Problems()
    context = chromium.new_context(
        locale=language,
        color_scheme=color_scheme,  # type: ignore[arg-type]
        viewport={"width": width, "height": 800},
    )
    page = problems.watch(context.new_page())
    sign_in(page, gunicorn)
    violations = {}
    for path in two_brands:
        page.goto(f"{gunicorn.url}/admin/verification/{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        seen = len(problems)
        violations[path] = serious_violations(page)
        del problems[seen:]  # axe writes styles of its own, which our policy refuses
    context.close()
    assert not any(violations.values()), violations
    assert problems == []


def serious_violations(page: Page) -> list[str]:
    """What axe-core finds in our part of the page; the frame and the search box are Django's."""
    ours = {"include": [["#content"]], "exclude": [["#searchbar"]]}
    found = Axe().run(page, context=ours).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]}"
        for rule in found
        if rule["impact"] in {"serious", "critical"}
        for node in rule["nodes"]
    ]


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
