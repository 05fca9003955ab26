"""The status of an account whose token was rotated, or is that of another account as well."""

from __future__ import annotations

from datetime import timedelta

from verification.accounts.levels import Level
from verification.accounts.tokens import rotate_token
from verification.models import OfficialAccount, Token
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import (
    STRANGER,
    wechat_pushes,
    wechat_verifies,
)
from verification.tests.support.statuses import status_of

NEW = "NewTokenOfBrandA99"


class TestSharedTokens:
    def test_each_of_two_accounts_with_one_token_names_the_other(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        rotate_token(brand_b, A, LI_WEI)
        statuses = [status_of(account) for account in (brand_a, brand_b)]

        assert [(one.level, one.text) for one in statuses] == [
            (Level.WARNING, "Has the same token as “Brand-B”"),
            (Level.WARNING, "Has the same token as “Brand-A”"),
        ]
        rotate_token(brand_b, NEW, LI_WEI, keep_old=timedelta(0))
        assert status_of(brand_a).level is Level.VERIFIED


class TestRotations:
    def test_a_rotation_that_wechat_has_not_followed_needs_attention(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        rotate_token(brand_a, NEW, LI_WEI)
        fresh = status_of(brand_a)
        assert fresh.text == "Rotation unfinished: WeChat has not used the new token yet"
        assert (fresh.level, fresh.level.badge) == (Level.WARNING, "warn")
        assert fresh.advice.startswith("Paste the current token into the console")
        wechat_pushes(brand_a, A)
        used = status_of(brand_a)
        assert used.text == "Rotation unfinished: WeChat still uses the old token"
        rotate_token(brand_a, f"{NEW}8", LI_WEI, keep_old=timedelta(hours=1))
        assert "the old token ends" in status_of(brand_a).text

        wechat_verifies(brand_a, f"{NEW}8")
        assert status_of(brand_a).level is Level.RECEIVING

    def test_a_strangers_call_does_not_make_an_ended_rotation_a_failure(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(0))
        wechat_verifies(brand_a, "Nonsense", source=STRANGER)
        assert status_of(brand_a).level is Level.WARNING

        wechat_verifies(brand_a, A)
        assert status_of(brand_a).level is Level.FAILING

    def test_a_rotation_before_wechats_first_call_needs_no_attention(
        self, brand_a: OfficialAccount
    ) -> None:
        rotate_token(brand_a, NEW, LI_WEI)

        assert status_of(brand_a).text == "WeChat has not called yet"

    def test_an_old_token_that_ended_while_wechat_used_it_needs_attention_at_once(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        wechat_pushes(brand_a, A)
        rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(0))
        broken = "WeChat has not used the new token; the old one ended "

        assert status_of(brand_a).text.startswith(broken)
        assert status_of(brand_a).level is Level.WARNING
        assert wechat_pushes(brand_a, A) == 403
        assert status_of(brand_a).text.startswith(broken)
        assert status_of(brand_a).level is Level.FAILING

    def test_an_old_token_that_ends_in_an_hour_needs_attention_before_and_after(
        self, brand_a: OfficialAccount
    ) -> None:
        wechat_verifies(brand_a, A)
        rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(hours=1))

        assert "the old token ends" in status_of(brand_a, in_hours=0.9).text
        assert "the old one ended" in status_of(brand_a, in_hours=1.1).text

    def test_refused_pushes_with_a_retired_token_need_attention(
        self, brand_a: OfficialAccount
    ) -> None:
        rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(0))
        wechat_verifies(brand_a, NEW)
        assert wechat_pushes(brand_a, A) == 403

        assert status_of(brand_a).text == "Refused: retired token"

    def test_refused_pushes_without_any_token_need_attention(
        self, brand_a: OfficialAccount
    ) -> None:
        Token.objects.all().delete()
        assert wechat_pushes(brand_a, A) == 403

        assert status_of(brand_a).text == "Refused: no token yet"
