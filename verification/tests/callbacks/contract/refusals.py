"""Refusals look alike, and each is recorded with its reason."""

from __future__ import annotations

import pytest

from verification.accounts.tokens import rotate_token
from verification.models import OfficialAccount
from verification.protocol.enums import Reason
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, Adapter, B, last_attempt
from verification.tests.support.lost_keys import lose_key
from verification.tests.support.signer import verification


class Refusals(Adapter):
    @pytest.mark.parametrize(
        ("slug", "reason"),
        [
            ("brand-a", Reason.SIGNATURE_MISMATCH),
            ("nobody", Reason.UNKNOWN_ACCOUNT),
            ("resting", Reason.PAUSED_ACCOUNT),
            ("empty", Reason.NO_TOKEN),
            ("lost", Reason.UNDECRYPTABLE_TOKEN),
        ],
    )
    def test_refusals_look_alike_and_their_reasons_are_on_record(
        self, brand_a: OfficialAccount, slug: str, reason: Reason
    ) -> None:
        make_account("resting", "TokenOfTheResting", is_paused=True)
        make_account("empty")
        lose_key(make_account("lost", "TokenWithoutItsKey"))
        answer = self.send("GET", f"/wechat/{slug}?{verification(B)}")

        assert (answer.status, answer.body) == (403, b"bad token")
        varying = {"date", "connection", "server"}
        assert {name: text for name, text in answer.headers.items() if name not in varying} == {
            "content-type": "text/plain; charset=utf-8",
            "content-length": "9",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
            "content-security-policy": "default-src 'none'; sandbox",
        }
        assert last_attempt().reason == reason

    def test_a_paused_account_is_refused_though_its_signature_is_right(self, db: None) -> None:
        make_account("resting", "TokenOfTheResting", is_paused=True)

        for path in ("/wechat/resting", "/"):
            assert self.send("GET", f"{path}?{verification('TokenOfTheResting')}").status == 403
            assert last_attempt().reason == Reason.PAUSED_ACCOUNT

    def test_an_account_that_stays_off_the_root_is_not_tried_there(self, db: None) -> None:
        make_account("shy", "TokenOfTheShyOne", answers_at_root=False)

        assert self.send("GET", f"/?{verification('TokenOfTheShyOne')}").status == 403
        assert self.send("GET", f"/wechat/shy?{verification('TokenOfTheShyOne')}").status == 200

    def test_a_token_without_its_key_leaves_the_others_at_work(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        lose_key(brand_a)

        assert self.send("GET", f"/?{verification(B)}").status == 200
        assert self.send("GET", f"/wechat/brand-b?{verification(A)}").status == 403
        assert last_attempt().reason == Reason.SIGNATURE_MISMATCH
        for path in ("/wechat/brand-a", "/"):
            assert self.send("GET", f"{path}?{verification(A)}").status == 403
            assert last_attempt().reason == Reason.UNDECRYPTABLE_TOKEN
        assert last_attempt().account is None

    def test_the_current_token_passes_while_the_key_of_the_previous_one_is_missing(
        self, brand_a: OfficialAccount
    ) -> None:
        lose_key(brand_a)
        rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI)

        query = verification("NewTokenOfBrandA99")
        assert self.send("GET", f"/wechat/brand-a?{query}").status == 200
        assert self.send("GET", f"/wechat/brand-a?{verification(A)}").status == 403
        assert last_attempt().reason == Reason.UNDECRYPTABLE_TOKEN

    def test_an_empty_token_matches_nothing(self, brand_a: OfficialAccount) -> None:
        for path in ("/wechat/brand-a", "/wechat/nobody", "/"):
            assert self.send("GET", f"{path}?{verification('')}").status == 403
        exploit = "signature=da39a3ee5e6b4b0d3255bfef95601890afd80709&echostr=x&timestamp=&nonce="
        assert self.send("GET", f"/wechat/brand-a?{exploit}").status == 400

    def test_another_accounts_token_is_refused(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        assert self.send("GET", f"/wechat/brand-a?{verification(B)}").status == 403
        assert last_attempt().account == brand_a
