"""The landing page, which people see at the address for WeChat."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page, expect

from verification.tests.support.chromium import Desk
from verification.tests.support.gunicorn import Gunicorn
from verification.tests.support.inspection import Inspection

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(
    ("language", "heading"),
    [("en-GB", "This address is for WeChat and WeCom"), ("zh-CN", "此地址供微信和企业微信调用")],
)
def test_the_landing_page_reads_well_by_day_by_night_and_on_a_phone(
    gunicorn: Gunicorn, chromium: Browser, inspection: Inspection, language: str, heading: str
) -> None:
    page = inspection.watch(Desk(chromium, gunicorn.url).open("/", language))
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    expect(page.locator("svg.chart")).to_be_hidden()
    inspection.inspect(page)
    page.locator("summary").click()
    inspection.inspect(page)
    for width in (1280, 360):
        page.set_viewport_size({"width": width, "height": 800})
        assert_chart_fits(page, width)
    assert ink(page, "light") != ink(page, "dark")
    page.locator("main a[href='/admin/']").click()
    expect(page.locator("#id_password")).to_be_visible()


def assert_chart_fits(page: Page, width: int) -> None:
    chart = page.locator("svg.chart").bounding_box()
    assert chart is not None
    assert chart["width"] > 250
    assert chart["x"] >= 0
    assert chart["x"] + chart["width"] <= width


def ink(page: Page, color_scheme: str) -> str:
    page.emulate_media(color_scheme=color_scheme)  # type: ignore[arg-type]
    return str(page.evaluate("getComputedStyle(document.body).color"))
