"""Every page is accessible: light and dark, wide and narrow, with names of every length."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, User
from django.template.loader import render_to_string
from django.test import Client
from playwright.sync_api import Page, expect

from verification.accounts.pausing import pause
from verification.accounts.tokens import rotate_token
from verification.models import OfficialAccount
from verification.protocol.enums import DeliveryResult, Platform
from verification.tests.support.accounts import LI_WEI, make_account, record_as_they_are
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import call, wechat_pushes, wechat_verifies
from verification.tests.support.admin_urls import every_page
from verification.tests.support.chromium import Desk
from verification.tests.support.deliveries import (
    count_deliveries,
    give_failing_backend,
    keep_waiting,
    make_dead,
)
from verification.tests.support.inspection import Inspection
from verification.tests.support.messages import AES_KEY, store_aes_key
from verification.tests.support.wecom import CORP_ID, SUITE_ID, store_wecom_key

pytestmark = pytest.mark.browser

#: Names of 73, 40 and 20 characters, some of which are one word, by the slugs of their accounts.
NAMES = {
    "live": "Flagship Store of the Example Company for Shanghai, Hangzhou and Nanjing.",
    "refused": "上海示例时尚服饰有限公司" * 6 + "店",
    "paused": "ExampleCompanyFlagshipStoreShanghaiChina",
    "waiting": "示例文化" * 10,
    "verified": "City Mall, Shanghai!",
    "without": "上海旗舰店公众号" * 2 + "南京西路",
    "shop": "会员小程序",
    "service": "ExampleCompanyServiceDeskOfShanghai",
    "suite": "第三方应用",
}
#: Those that are on another platform than official accounts, with their fields.
PLATFORMS: dict[str, dict[str, object]] = {
    "shop": {"platform": Platform.MINI_PROGRAM.value},
    "service": {"platform": Platform.WECOM.value, "app_id": CORP_ID},
    "suite": {"platform": Platform.WECOM.value, "app_id": CORP_ID, "suite_id": SUITE_ID},
}
TOKENS = {slug: f"TokenOf{slug.title()}9012" for slug in NAMES} | {"live": A, "refused": B}


@pytest.fixture
def accounts(li_wei: User) -> dict[str, OfficialAccount]:
    """Make an account in each state: one receives pushes during a rotation, one is refused."""
    accounts = {
        slug: make_account(slug, token, **PLATFORMS.get(slug, {})) for slug, token in TOKENS.items()
    }
    for slug, account in accounts.items():
        account.name = NAMES[slug]
        account.save()
    live, refused = accounts["live"], accounts["refused"]
    wechat_verifies(live, A)
    wechat_pushes(live, A)
    wechat_verifies(accounts["verified"], TOKENS["verified"])
    call(refused.server_path, A, **{"User-Agent": "long" * 25})
    store_wecom_key(accounts["service"], AES_KEY)
    store_aes_key(refused, AES_KEY)  # WeChat has not used it, which takes many words to say.
    rotate_token(live, "NewTokenOfBrandA99", LI_WEI, keep_old=timedelta(hours=24))
    pause(accounts["paused"], LI_WEI)
    give_failing_backend(live, DeliveryResult.SERVER_ERROR, 502)
    count_deliveries(live, DeliveryResult.SERVER_ERROR, 12, status=502)
    keep_waiting(live, 12)
    make_dead(live)
    record_as_they_are()
    return accounts


@pytest.fixture
def pages(accounts: dict[str, OfficialAccount], li_wei: User) -> list[str]:
    """Return the URLs of all pages of a superuser, with what only a query shows."""
    account = "/admin/verification/officialaccount"
    live, refused, paused = (accounts[slug].pk for slug in ("live", "refused", "paused"))
    shop, service = accounts["shop"].pk, accounts["service"].pk
    queries = [
        f"{account}/{refused}/change/?console=token",
        f"{account}/{service}/change/?console=failed",
        f"{account}/{service}/aes-key/rotate/",
        f"{account}/{service}/test-message/",
        f"{account}/{shop}/test-message/",
        f"{account}/?platform=wecom",
        f"{account}/pause/?account={live}",
        f"{account}/resume/?account={paused}",
        f"{account}/?q=nothing-like-this",
        "/admin/verification/verificationattempt/?outcome=refused",
        "/admin/verification/changeevent/sign-offs/new/?period=this_month",
    ]
    client = Client()
    client.force_login(li_wei)
    return every_page(client, accounts["live"], *queries)


@pytest.fixture
def error_pages() -> dict[str, str]:
    """Return the pages that need an error or another configuration, by name."""
    names = ["400", "403", "403_csrf", "404", "500", "https_redirect", "locked_out"]
    return {name: render_to_string(f"{name}.html", {"minutes": 15}) for name in names}


@pytest.fixture
def auditors_session(li_wei: User) -> str:
    auditor = User.objects.create_user("wang.fang", is_staff=True)
    auditor.groups.add(Group.objects.get(name="Auditors"))
    client = Client()
    client.force_login(auditor)
    return str(client.session.session_key)


#: What answers a POST: the page of the account, what is pressed there, and what the answer holds.
PRESSED = [
    ("change/", "#connect form[action$='/reveal/'] button", "#token"),
    ("change/", "form[action$='/backend/reveal/'] button", "#webhook-secret"),
    ("change/", "form[action$='/self-test/'] button", ".self-test .summary"),
    ("change/", "form[action$='/keep/'] button", ".messagelist"),
    ("rotate/", ".submit-row [type=submit]", "#token"),
]


def test_every_page_is_for_everybody(
    pages: list[str],
    accounts: dict[str, OfficialAccount],
    error_pages: dict[str, str],
    desk: Desk,
    inspection: Inspection,
) -> None:
    page = inspection.watch(desk.open())
    skip_to_the_content(page)
    assert len(pages) > 40
    for path in pages:
        page.goto(path)
        inspection.inspect(page)
    for path, button, answer in PRESSED:
        page.goto(f"/admin/verification/officialaccount/{accounts['live'].pk}/{path}")
        page.locator(button).click()
        page.locator(answer).first.wait_for()
        inspection.inspect(page)
    refuse_a_token(page)
    inspection.inspect(page)
    add_a_wecom_app(page)
    inspection.inspect(page)
    for name, html in error_pages.items():
        answer_with(html, page, name)
        inspection.inspect(page)


def test_every_page_fits_in_chinese(pages: list[str], desk: Desk, inspection: Inspection) -> None:
    page = inspection.watch(desk.open("/admin/", "zh-CN"))
    for path in pages:
        page.goto(path)
        inspection.look(page)
    states_survive_forced_colors(page)


def test_the_pages_of_the_auditor_are_for_everybody(
    accounts: dict[str, OfficialAccount],
    auditors_session: str,
    desk: Desk,
    inspection: Inspection,
) -> None:
    auditors_desk = Desk(desk.browser, desk.url, auditors_session)
    page = inspection.watch(auditors_desk.open("/admin/", "zh-CN"))
    inspection.inspect(page)
    page.goto(f"/admin/verification/officialaccount/{accounts['live'].pk}/change/")
    inspection.inspect(page)
    page.goto("/admin/verification/seal/integrity/")
    page.locator("section form [type=submit]").click()
    page.locator(".verdict.is-good").wait_for()
    inspection.inspect(page)
    page.goto("/admin/verification/changeevent/sign-offs/new/?period=this_month")
    inspection.inspect(page)
    page.locator("#id_note").fill("已逐条核对全部拒绝记录。")
    page.locator("#id_full_name").fill("李伟")
    page.locator("#id_confirm").check()
    page.locator("form.sign [type=submit]").click()
    page.locator(".paper").wait_for()
    inspection.inspect(page)
    for path in ("changeevent/sign-offs/", "seal/", "seal/1/change/", "tally/"):
        page.goto(f"/admin/verification/{path}")
        inspection.inspect(page)


def skip_to_the_content(page: Page) -> None:
    """Press the first link of the page by keyboard, which leads past the menu."""
    page.keyboard.press("Tab")
    expect(page.locator(".skip-to-content-link")).to_be_focused()
    expect(page.locator(".skip-to-content-link")).to_be_in_viewport()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def states_survive_forced_colors(page: Page) -> None:
    """Assert that each state of the list has a sign, and that nothing moves for who wants none."""
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    page.goto("/admin/verification/officialaccount/")
    signs = page.locator(".results .sign")
    expect(signs).to_have_count(len(NAMES))
    assert {sign.strip() for sign in signs.all_inner_texts()} <= set("✕!✓–‖")
    assert page.evaluate("document.getAnimations().length") == 0


def answer_with(html: str, page: Page, name: str) -> None:
    """Open a page that the browser does not get from the server."""
    page.route(f"**/{name}/", lambda route: route.fulfill(content_type="text/html", body=html))
    page.goto(f"/{name}/")


def refuse_a_token(page: Page) -> None:
    page.goto("/admin/verification/officialaccount/add/")
    page.locator("#id_name").fill("上海旗舰店")
    page.locator("[name=token_source][value=enter]").check()
    page.locator("#id_token").fill("two words")
    page.locator("[name=_save]").click()
    page.locator(".errorlist").first.wait_for()


def add_a_wecom_app(page: Page) -> None:
    page.goto("/admin/verification/officialaccount/add/")
    page.get_by_label("WeCom app").check()
    page.locator("#id_name").fill("客服应用")
    page.locator("#id_app_id").fill(CORP_ID)
    page.locator("[name=_save]").click()
    page.locator("#aes-key").wait_for()
