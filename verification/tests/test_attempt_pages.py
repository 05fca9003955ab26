"""The list of attempts says why, in a constant number of queries."""

from __future__ import annotations

import re

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from verification.models import OfficialAccount
from verification.models.token import rotate_token
from verification.tests.conftest import make_account
from verification.tests.contract import A, B, last_attempt
from verification.tests.people import wechat_verifies
from verification.tests.signer import verification

LIST = "admin:verification_verificationattempt_changelist"


def column(text: str, name: str) -> list[str]:
    return re.findall(rf'class="field-{name}">(?:<a [^>]*>)?([^<]*)', text)


def test_the_list_says_what_happened_and_the_number_to_ask_for(
    li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    wechat_verifies(brand_a, B)
    wechat_verifies(brand_a, A)
    text = li_wei_at_work.get(reverse(LIST)).text

    assert column(text, "in_short") == ["accepted", "token of “Brand-B”"]
    assert column(text, "number") == [str(last_attempt().pk), str(last_attempt().pk - 1)]


def test_browsers_and_bots_are_left_out_or_shown_alone(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    Client().get(brand_a.server_path)
    wechat_verifies(brand_a, A)
    found = {
        noise: column(li_wei_at_work.get(reverse(LIST), {"noise": noise}).text, "in_short")
        for noise in ("", "hidden", "only")
    }

    assert found["hidden"] == ["accepted"]
    assert found["only"] == ["parameters missing"]
    assert found[""] == ["accepted", "parameters missing"]


def test_a_hundred_attempts_ask_no_more_queries_than_nine(
    li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    paused = make_account("outlet", "TokenOfOutlet1234")
    paused.pause(actor="wang.fang")
    rotate_token(brand_a, "NewTokenOfBrandA99", actor="li.wei")

    def one_of_each(time: int) -> None:
        for account, token in [
            (brand_a, A), (brand_a, "NewTokenOfBrandA99"), (brand_b, A), (brand_b, A[1:]),
            (brand_b, B.lower()), (brand_b, "Nonsense"), (paused, A),
        ]:  # fmt: skip
            wechat_verifies(account, token, nonce=str(time))
        for target in ("/wechat/brand-c", "/"):
            Client().get(f"{target}?{verification('Nonsense', nonce=str(time))}")

    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            li_wei_at_work.get(reverse(LIST))
        return len(queries)

    one_of_each(0)
    few = count()
    for time in range(1, 11):
        one_of_each(time)
    assert count() == few
