"""The replies to message pushes."""

from __future__ import annotations

from verification.models import OfficialAccount, Tally, VerificationAttempt
from verification.protocol.enums import Kind, Outcome, Reason
from verification.tests.support.adapter import A, Adapter
from verification.tests.support.messages import encrypted_push, text_message
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

    def test_a_push_of_the_security_mode_is_authenticated_by_msg_signature(
        self, brand_a: OfficialAccount
    ) -> None:
        body, query = encrypted_push(A, text_message("hello", msg_id="1"))
        answer = self.send("POST", f"/wechat/brand-a?{query}", body=body)

        assert answer.body == b"success"

    def test_another_message_under_a_copied_address_is_refused(
        self, brand_a: OfficialAccount
    ) -> None:
        _body, query = encrypted_push(A, text_message("hello", msg_id="1"))
        forged, _query = encrypted_push(A, text_message("forged", msg_id="2"))
        answers = [
            self.send("POST", f"/wechat/brand-a?{query}", body=body)
            for body in (forged, b"<xml/>", b"not a message", b"")
        ]

        assert {(answer.status, answer.body) for answer in answers} == {(403, b"bad token")}
        assert {attempt.reason for attempt in VerificationAttempt.objects.all()} == {
            Reason.MESSAGE_SIGNATURE_MISMATCH,
            Reason.UNDECRYPTABLE_MESSAGE,
        }

    def test_a_body_of_one_megabyte_is_read_and_discarded(self, brand_a: OfficialAccount) -> None:
        answer = self.send("POST", f"/wechat/brand-a?{push(A)}", body=b"x" * 1_048_576)

        assert answer.body == b"success"
