"""The replies to message pushes."""

from __future__ import annotations

from verification.models import OfficialAccount, Tally, VerificationAttempt
from verification.protocol.enums import Kind, Outcome
from verification.tests.support.adapter import A, Adapter
from verification.tests.support.signer import push


class MessagePushes(Adapter):
    def test_message_push_is_answered_success_and_only_tallied(
        self, brand_a: OfficialAccount
    ) -> None:
        answer = self.send("POST", f"/wechat/brand-a?{push(A)}", body=b"<xml>hello</xml>")

        assert (answer.status, answer.body) == (200, b"success")
        assert not VerificationAttempt.objects.exists()
        tally = Tally.objects.get()
        assert (tally.kind, tally.outcome, tally.count) == (
            Kind.MESSAGE_PUSH,
            Outcome.ACCEPTED,
            1,
        )

    def test_safe_mode_push_is_authenticated_by_its_signature(
        self, brand_a: OfficialAccount
    ) -> None:
        query = push(A) + "&encrypt_type=aes&msg_signature=" + "0" * 40
        answer = self.send("POST", f"/wechat/brand-a?{query}", body=b"<xml/>")

        assert answer.body == b"success"

    def test_a_body_of_one_megabyte_is_read_and_discarded(self, brand_a: OfficialAccount) -> None:
        answer = self.send("POST", f"/wechat/brand-a?{push(A)}", body=b"x" * 1_048_576)

        assert answer.body == b"success"
