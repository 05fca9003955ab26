"""The pages of operators and auditors are accessible: light and dark, wide and narrow."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page

from verification.accounts.pausing import pause
from verification.accounts.tokens import rotate_token
from verification.models import ChangeEvent, Delivery, OfficialAccount, VerificationAttempt
from verification.protocol.enums import DeliveryResult
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import call, wechat_pushes, wechat_verifies
from verification.tests.support.chromium import Desk
from verification.tests.support.deliveries import (
    count_deliveries,
    give_failing_backend,
    keep_waiting,
    make_dead,
)
from verification.tests.support.inspection import Inspection
from verification.tests.support.messages import AES_KEY, store_aes_key

pytestmark = pytest.mark.browser


@pytest.fixture
def brands(li_wei: User) -> dict[str, OfficialAccount]:
    """Make three accounts: one receives pushes during a rotation, one is refused, one is paused."""
    brands = {slug: make_account(slug, token) for slug, token in TOKENS.items()}
    live, refused = brands["brand-a"], brands["brand-b"]
    wechat_verifies(live, A)
    wechat_pushes(live, A)
    call(refused.server_path, A, **{"User-Agent": "long" * 25})
    store_aes_key(refused, AES_KEY)  # WeChat has not used it, which takes many words to say.
    rotate_token(live, "NewTokenOfBrandA99", LI_WEI, keep_old=timedelta(hours=24))
    pause(brands["brand-c"], LI_WEI)
    give_failing_backend(live, DeliveryResult.SERVER_ERROR, 502)
    count_deliveries(live, DeliveryResult.SERVER_ERROR, 12, status=502)
    keep_waiting(live, 12)
    make_dead(live)
    return brands


TOKENS = {"brand-a": A, "brand-b": B, "brand-c": "TokenOfBrandC9012"}


@pytest.fixture
def pages(brands: dict[str, OfficialAccount]) -> list[str]:
    live, refused, paused = (f"officialaccount/{brand.pk}" for brand in brands.values())
    attempt, event = VerificationAttempt.objects.latest("id"), ChangeEvent.objects.latest("id")
    old = brands["brand-a"].tokens.earliest("id")
    return [
        *("officialaccount/", "officialaccount/add/", f"{live}/change/", f"{live}/rotate/"),
        f"{live}/tokens/{old.pk}/retire/",
        *(f"{refused}/change/?console=token", f"{paused}/change/"),
        f"officialaccount/pause/?account={brands['brand-a'].pk}",
        f"officialaccount/resume/?account={brands['brand-c'].pk}",
        *("verificationattempt/", f"verificationattempt/{attempt.pk}/change/"),
        *(f"{live}/backend/", f"{live}/backend/remove/", f"{live}/backend/rotate/"),
        *(f"{live}/deliveries/discard/", f"{refused}/backend/"),
        *("delivery/", f"delivery/{Delivery.objects.latest('id').pk}/change/"),
        *("changeevent/", f"changeevent/{event.pk}/change/"),
    ]


#: What answers a POST: the page of brand-a, what is pressed there, and what the answer holds.
PRESSED = [
    ("change/", "#connect form[action$='/reveal/'] button", "#token"),
    ("change/", "form[action$='/backend/reveal/'] button", "#webhook-secret"),
    ("change/", "form[action$='/self-test/'] button", ".self-test .summary"),
    ("change/", "form[action$='/keep/'] button", ".messagelist"),
    ("rotate/", ".submit-row [type=submit]", "#token"),
]


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_the_pages_of_the_operator_are_for_everybody(
    pages: list[str],
    brands: dict[str, OfficialAccount],
    desk: Desk,
    inspection: Inspection,
    language: str,
) -> None:
    page = inspection.watch(desk.open("/admin/", language))
    inspection.inspect(page)
    for path in pages:
        page.goto(f"/admin/verification/{path}")
        inspection.inspect(page)
    for path, button, answer in PRESSED:
        page.goto(f"/admin/verification/officialaccount/{brands['brand-a'].pk}/{path}")
        page.locator(button).click()
        page.locator(answer).wait_for()
        inspection.inspect(page)
    refuse_a_token(page)
    inspection.inspect(page)


@pytest.mark.parametrize("language", ["zh-CN"])
def test_the_pages_of_the_auditor_are_for_everybody(
    pages: list[str], desk: Desk, inspection: Inspection, language: str
) -> None:
    page = inspection.watch(desk.open("/admin/verification/seal/integrity/", language))
    inspection.inspect(page)
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


def refuse_a_token(page: Page) -> None:
    page.goto("/admin/verification/officialaccount/add/")
    page.locator("#id_name").fill("上海旗舰店")
    page.locator("[name=token_source][value=enter]").check()
    page.locator("#id_token").fill("two words")
    page.locator("[name=_save]").click()
    page.locator(".errorlist").first.wait_for()
