"""What is recorded of a callback."""

from __future__ import annotations

from verification.audit_log.verifier import verify_audit
from verification.models import OfficialAccount, Tally, VerificationAttempt
from verification.tests.support.adapter import A, Adapter, B, last_attempt
from verification.tests.support.signer import push, signed, verification


class Records(Adapter):
    def test_the_values_of_a_request_are_recorded(self, brand_a: OfficialAccount) -> None:
        headers = {
            "User-Agent": "Mozilla/4.0",
            "X-Request-ID": "5d0c2f1e-8f4a-4c67-9d1c-0a2b3c4d5e6f",
        }
        self.send("GET", f"/wechat/brand-a?{verification(A, nonce='n-1')}", headers)
        attempt = last_attempt()

        assert (attempt.path_slug, attempt.nonce, attempt.user_agent) == (
            "brand-a",
            "n-1",
            "Mozilla/4.0",
        )
        assert str(attempt.request_id) == headers["X-Request-ID"]
        assert bytes(attempt.signature or b"").hex() == signed(A, nonce="n-1")["signature"]
        assert (attempt.clock_skew or 0) > 1_000_000
        assert (attempt.occurrences, attempt.status) == (1, 200)
        assert attempt.duration > 0

    def test_a_long_user_agent_is_cut(self, brand_a: OfficialAccount) -> None:
        self.send("GET", f"/wechat/brand-a?{verification(A)}", {"User-Agent": "x" * 5000})

        assert last_attempt().user_agent == "x" * 199 + "~"

    def test_every_answer_is_tallied_and_the_chain_is_intact(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        for query in (verification(A), verification(B), "signature=1", verification(A)):
            self.send("GET", f"/wechat/brand-a?{query}")
        self.send("POST", f"/wechat/brand-b?{push(B)}")
        self.send("POST", f"/wechat/brand-b?{push(A)}")

        assert sum(tally.count for tally in Tally.objects.all()) == 6
        assert VerificationAttempt.objects.count() == 5
        assert verify_audit().problems == []
