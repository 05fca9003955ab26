"""URL verifications that this server sends to itself."""

from __future__ import annotations

from verification.accounts.tokens import rotate_token
from verification.audit_log.verifier import verify_audit
from verification.models import OfficialAccount, Tally
from verification.protocol.enums import Kind, Reason
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A, Adapter, Answer, B, last_attempt
from verification.tests.support.signer import push, self_test_nonce, verification


class SelfTests(Adapter):
    def self_test(self, token: str) -> Answer:
        return self.send("GET", f"/wechat/brand-a?{verification(token, nonce=self_test_nonce())}")

    def test_a_proved_self_test_is_answered_and_recorded_as_a_self_test(
        self, brand_a: OfficialAccount
    ) -> None:
        answer = self.self_test(A)

        assert (answer.status, answer.body) == (200, b"4375120948345356249")
        assert (last_attempt().kind, Tally.objects.get().kind) == (Kind.SELF_TEST,) * 2
        assert verify_audit().problems == []

    def test_a_self_test_is_refused_like_any_other_attempt(self, brand_a: OfficialAccount) -> None:
        answer = self.self_test(B)

        assert (answer.status, answer.body) == (403, b"bad token")
        assert (last_attempt().kind, last_attempt().reason) == (
            Kind.SELF_TEST,
            Reason.SIGNATURE_MISMATCH,
        )

    def test_a_self_test_does_not_count_as_use_of_a_token(self, brand_a: OfficialAccount) -> None:
        new = rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI)
        used = brand_a.tokens.exclude(first_used_at=None)
        ending = brand_a.tokens.exclude(expires_at=None)
        assert self.self_test("NewTokenOfBrandA99").status == 200
        assert not used.exists()
        assert not ending.exists()

        self.send("GET", f"/wechat/brand-a?{verification('NewTokenOfBrandA99')}")
        assert used.get() == new
        assert ending.exists()

    def test_a_forged_self_test_is_a_url_verification(self, brand_a: OfficialAccount) -> None:
        forged = self_test_nonce(key=b"another key")
        self.send("GET", f"/wechat/brand-a?{verification(A, nonce=forged)}")

        assert (last_attempt().kind, last_attempt().status) == (Kind.URL_VERIFICATION, 200)

    def test_a_push_with_a_proof_is_a_self_test(self, brand_a: OfficialAccount) -> None:
        answer = self.send("POST", f"/wechat/brand-a?{push(A, nonce=self_test_nonce())}")

        assert answer.body == b"success"
        assert (last_attempt().kind, Tally.objects.get().kind) == (Kind.SELF_TEST,) * 2
