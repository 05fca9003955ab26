"""The list and the page of an attempt explain attempts in a constant number of queries."""

from __future__ import annotations

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from verification.accounts.pausing import pause
from verification.accounts.tokens import rotate_token
from verification.change_log import Actor
from verification.models import OfficialAccount, VerificationAttempt
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import page, wechat_verifies
from verification.tests.support.signer import verification

AROUND = "?at=2026-09-29T10:42"
LIST = "admin:verification_verificationattempt_changelist"


def test_a_hundred_attempts_ask_no_more_queries_than_nine(
    li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    paused = make_account("outlet", "TokenOfOutlet1234")
    pause(paused, Actor("wang.fang"))
    rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI)

    def one_of_each(time: int) -> None:
        for account, token in [
            (brand_a, A), (brand_a, "NewTokenOfBrandA99"), (brand_b, A), (brand_b, A[1:]),
            (brand_b, B.lower()), (brand_b, "Nonsense"), (paused, A),
        ]:  # fmt: skip
            wechat_verifies(account, token, nonce=str(time))
        for target in ("/wechat/brand-c", "/"):
            Client().get(f"{target}?{verification('Nonsense', nonce=str(time))}")

    def count() -> list[int]:
        counts = []
        for query in ("", "?kind=every", "?reason=signature_mismatch", "?q=127.0.0.1", AROUND):
            with CaptureQueriesContext(connection) as queries:
                li_wei_at_work.get(f"{reverse(LIST)}{query}")
            counts.append(len(queries))
        assert max(counts) <= 26
        return counts

    one_of_each(0)
    with_nine = count()
    for time in range(1, 11):
        one_of_each(time)
    assert count() == with_nine


def test_a_page_asks_no_more_queries_amid_a_hundred_attempts(
    li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    def count() -> int:
        attempt = VerificationAttempt.objects.earliest("id")
        with CaptureQueriesContext(connection) as queries:
            li_wei_at_work.get(page("verificationattempt_change", attempt.pk))
        return len(queries)

    for number in range(8):
        wechat_verifies(brand_a, (B, A)[number % 2], nonce=str(number))
    with_eight = count()
    for number in range(100):
        wechat_verifies(brand_a, (B, A, "Nonsense")[number % 3], nonce=str(number))

    assert count() <= with_eight
    assert with_eight < 30
