"""Accepted URL verifications."""

from __future__ import annotations

import pytest

from verification.accounts.tokens import rotate_token
from verification.models import OfficialAccount
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, Adapter, last_attempt
from verification.tests.support.signer import SEED, verification


class UrlVerifications(Adapter):
    @pytest.mark.parametrize("path", ["/wechat/brand-a", "/wechat/brand-a/", "/"])
    def test_the_echostr_is_returned_unchanged(self, brand_a: OfficialAccount, path: str) -> None:
        answer = self.send("GET", f"{path}?{verification(A, echostr='18221983235484218331')}")

        assert (answer.status, answer.body) == (200, b"18221983235484218331")
        assert last_attempt().account == brand_a

    def test_the_seed_request_passes_and_any_other_digit_does_not(self, db: None) -> None:
        make_account("jerry", "jerry")
        query = "&".join(f"{name}={value}" for name, value in SEED.items())

        assert self.send("GET", f"/?{query}").body == b"16168327802220428137"
        assert self.send("GET", f"/wechat/jerry?{query}").body == b"16168327802220428137"
        for changed in ("timestamp=1512810826", "nonce=384289188", "signature=196abd439b41"):
            name, _, value = changed.partition("=")
            tampered = query.replace(f"{name}={SEED[name][: len(value)]}", changed)
            answer = self.send("GET", f"/?{tampered}")
            assert (answer.status, answer.body) == (403, b"bad token"), changed

    def test_a_reply_is_plain_text_that_no_browser_runs(self, brand_a: OfficialAccount) -> None:
        headers = self.send("GET", f"/wechat/brand-a?{verification(A)}").headers

        assert headers["content-type"] == "text/plain; charset=utf-8"
        assert headers["content-length"] == "19"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert not {"transfer-encoding", "set-cookie", "location", "vary"} & headers.keys()

    def test_order_and_extra_parameters_do_not_matter(self, brand_a: OfficialAccount) -> None:
        extra = "&".join(f"p{number}=1" for number in range(2000))
        answer = self.send("GET", f"/wechat/brand-a?{extra}&{verification(A)}&wechat_official")

        assert answer.status == 200

    def test_echostr_may_hold_base64(self, brand_a: OfficialAccount) -> None:
        answer = self.send("GET", f"/wechat/brand-a?{verification(A, echostr='a+b/c==')}")

        assert answer.body == b"a+b/c=="

    def test_the_same_request_is_accepted_again(self, brand_a: OfficialAccount) -> None:
        target = f"/wechat/brand-a?{verification(A)}"

        assert [self.send("GET", target).status for _ in range(3)] == [200, 200, 200]

    def test_old_and_new_token_both_pass_during_a_rotation(self, brand_a: OfficialAccount) -> None:
        rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI)

        for token in (A, "NewTokenOfBrandA99"):
            assert self.send("GET", f"/wechat/brand-a?{verification(token)}").status == 200
        assert last_attempt().token == brand_a.tokens.get(superseded_at=None)
