"""Pushes of the security mode, with and without their EncodingAESKey."""

from __future__ import annotations

from datetime import timedelta

from verification.accounts.aes_keys import rotate_aes_key
from verification.models import AESKey, OfficialAccount
from verification.protocol.enums import Mark, Reason
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import TEXT, A, Adapter, last_attempt
from verification.tests.support.backend import FakeBackend, set_backend
from verification.tests.support.messages import (
    AES_KEY,
    OTHER_AES_KEY,
    encrypted_push,
    store_aes_key,
    text_message,
)
from verification.tests.support.signer import self_test_nonce


class EncryptedMessages(Adapter):
    def test_a_message_with_control_characters_is_forwarded(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        """Followers paste them, and WeChat does not remove them."""
        set_backend(brand_a, backend.url)
        store_aes_key(brand_a, AES_KEY)
        message = text_message("hel\x1d\x02\x00lo", msg_id="1")

        assert self.push(message) == (200, b"success")
        assert self.push_encrypted(encrypted_push(A, message))[0] == 200
        assert self.push_encrypted(encrypted_push(A, message))[0] == 200  # now the key is proven
        assert len({received.headers["webhook-id"] for received in backend.received}) == 1
        assert backend.bodies()[0] == message

    def test_an_encrypted_message_passes_closed(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        body, query = encrypted_push(A, TEXT)

        assert self.push_encrypted((body, query)) == (200, b"success")
        assert backend.bodies() == [body]
        assert backend.received[0].target.endswith(query)

    def test_a_message_that_msg_signature_does_not_cover_is_refused(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        body, _query = encrypted_push(A, TEXT)
        _body, query = encrypted_push(A, text_message("other", msg_id="2"))

        assert self.push_encrypted((body, query)) == (403, b"bad token")
        assert backend.received == []
        assert last_attempt().reason == Reason.MESSAGE_SIGNATURE_MISMATCH
        assert Mark.ENCRYPTED in Mark(last_attempt().marks)

    def test_the_key_is_proven_by_the_first_message_that_it_decrypts(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        store_aes_key(brand_a, AES_KEY)
        self.push_encrypted(encrypted_push(A, TEXT))

        assert AESKey.objects.get().first_used_at is not None

    def test_a_message_for_another_app_id_is_refused_once_the_key_is_proven(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        store_aes_key(brand_a, AES_KEY)
        self.push_encrypted(encrypted_push(A, TEXT))
        answer = self.push_encrypted(encrypted_push(A, TEXT, app_id="wx0000000000000bad"))

        assert answer == (403, b"bad token")
        assert last_attempt().reason == Reason.UNDECRYPTABLE_MESSAGE
        assert last_attempt().detail == "receive_id wx0000000000000bad"
        assert len(backend.received) == 1

    def test_a_plain_message_is_refused_once_the_key_is_proven(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        store_aes_key(brand_a, AES_KEY)
        assert self.push() == (200, b"success")
        self.push_encrypted(encrypted_push(A, TEXT))

        assert self.push() == (403, b"bad token")
        assert last_attempt().reason == Reason.MESSAGE_SIGNATURE_MISMATCH
        assert last_attempt().detail == "plain"
        assert self.push(nonce=self_test_nonce(body=TEXT)) == (200, b"success")
        assert len(backend.received) == 3

    def test_plain_messages_stay_refused_when_the_key_was_rotated_at_once(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        """After a leak, whoever has seen the address of a push must not gain anything."""
        set_backend(brand_a, backend.url)
        store_aes_key(brand_a, AES_KEY)
        self.push_encrypted(encrypted_push(A, TEXT))
        rotate_aes_key(brand_a, OTHER_AES_KEY, LI_WEI, keep_old=timedelta(0))

        assert self.push() == (403, b"bad token")
        assert self.push_encrypted(encrypted_push(A, TEXT, key=OTHER_AES_KEY))[0] == 200
        assert len(backend.received) == 2

    def test_an_encrypted_message_that_lost_its_parameters_is_refused(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        """A backend that expects plain messages could not read it."""
        set_backend(brand_a, backend.url)
        body, _query = encrypted_push(A, TEXT)

        assert self.push(body) == (403, b"bad token")
        assert last_attempt().detail == "plain"
        assert backend.received == []

    def test_a_mistyped_key_mutes_no_account(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        store_aes_key(brand_a, OTHER_AES_KEY)

        assert self.push_encrypted(encrypted_push(A, TEXT)) == (200, b"success")
        assert len(backend.received) == 1
        key = AESKey.objects.get()
        assert key.first_used_at is None
        assert key.failed_at is not None

    def test_the_old_key_decrypts_until_a_day_after_the_new_one_was_used(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        store_aes_key(brand_a, AES_KEY)
        self.push_encrypted(encrypted_push(A, TEXT))
        store_aes_key(brand_a, OTHER_AES_KEY)

        assert self.push_encrypted(encrypted_push(A, TEXT))[0] == 200
        assert self.push_encrypted(encrypted_push(A, TEXT, key=OTHER_AES_KEY))[0] == 200
        new, old = AESKey.objects.all()
        assert new.first_used_at is not None
        assert old.expires_at is not None

    def test_a_new_key_that_does_not_fit_either_is_marked(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        store_aes_key(brand_a, AES_KEY)
        self.push_encrypted(encrypted_push(A, TEXT))
        store_aes_key(brand_a, OTHER_AES_KEY)

        assert self.push_encrypted(encrypted_push(A, TEXT, key=AES_KEY[::-1]))[0] == 403
        assert AESKey.objects.latest("id").failed_at is not None

    def test_repeats_of_an_encrypted_message_are_recognized_with_the_key(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url)
        store_aes_key(brand_a, AES_KEY)
        for _ in range(2):
            self.push_encrypted(encrypted_push(A, TEXT))  # encrypted anew each time

        first, repeat = backend.received
        assert first.body != repeat.body
        assert first.headers["webhook-id"] == repeat.headers["webhook-id"]
