"""The list of attempts: what fits on a screen, the keyboard, paper, and an export."""

from __future__ import annotations

import itertools

import pytest
from playwright.sync_api import Locator, expect

from verification.models import OfficialAccount
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import call, wechat_verifies
from verification.tests.support.chromium import Desk, tab_to
from verification.tests.support.inspection import Inspection

pytestmark = pytest.mark.browser

LIST = "/admin/verification/verificationattempt/"
LONG_NAME = "Shanghai International Finance Centre 88 flagship store, Pudong New Area 1"


@pytest.fixture
def attempts(transactional_db: None) -> None:
    """Record twenty attempts of an account with a long name; most come from an IPv6 address."""
    account: OfficialAccount = make_account("long", A)
    OfficialAccount.objects.update(name=LONG_NAME)
    far = {"X-Forwarded-For": "2402:4e00:1400:e2b9:5c8d:7af2:ffff:1234"}
    for number in range(19):
        call(account.server_path, A if number % 3 else B, nonce=str(number), **far)
    wechat_verifies(account, "Nonsense")


def bottom(row: Locator) -> float:
    box = row.bounding_box()
    assert box
    return box["y"] + box["height"]


def test_ten_rows_fit_and_the_chart_is_worked_with_the_keyboard(
    attempts: None, desk: Desk, inspection: Inspection
) -> None:
    page = inspection.watch(desk.open(LIST, viewport={"width": 1280, "height": 800}))
    rows = page.locator("#result_list tbody tr")

    assert bottom(rows.nth(9)) <= 800
    assert {round(rows.nth(number).bounding_box()["height"]) for number in range(20)} == {29}  # type: ignore[index]
    page.locator("#id_kind").focus()
    tab_to(page.locator(".chart a.bar").first)
    page.keyboard.press("Enter")
    expect(page.locator("#sums")).to_contain_text("Today")
    assert page.locator(".chart a.bar").count() in {1, 2}  # of an hour each
    inspection.inspect(page)

    page.emulate_media(media="print")
    cells = rows.first.locator("th, td").all()
    boxes = [box for cell in cells if (box := cell.bounding_box())]
    assert len(boxes) == 5
    assert all(
        left["x"] + left["width"] <= right["x"] + 1 for left, right in itertools.pairwise(boxes)
    )
    page.emulate_media(media="screen")

    with page.expect_download() as download:
        page.get_by_role("button", name="Export CSV").click()
    assert download.value.suggested_filename.endswith(".csv")
    expect(page.locator(".messagelist")).to_contain_text("Exported 20 attempts. SHA-256")
