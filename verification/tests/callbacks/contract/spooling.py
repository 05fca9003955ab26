"""Pushes that are kept until their backend takes them."""

from __future__ import annotations

import time
from urllib.parse import parse_qs

import pytest
from django.db import connection

from verification.models import OfficialAccount
from verification.protocol.enums import DeliveryResult
from verification.protocol.message import parse_message
from verification.tests.support.adapter import TEXT, A, Adapter, B
from verification.tests.support.backend import FakeBackend, set_backend, waiting
from verification.tests.support.canary_secrets import MESSAGE, find, read_tables
from verification.tests.support.messages import (
    AES_KEY,
    FOLLOWER,
    encrypted_push,
    store_aes_key,
    text_message,
)
from verification.tests.support.signer import push, self_test_nonce


class Spooling(Adapter):
    @pytest.mark.postgresql
    def test_a_push_is_kept_before_it_is_answered(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url, "keep")
        backend.answer = lambda _: (503, b"")

        assert self.push() == (200, b"success")
        [delivery] = waiting()
        assert (delivery.last_result, delivery.last_status) == (DeliveryResult.SERVER_ERROR, 503)
        assert b"hello" not in bytes(delivery.payload or b"")

    @pytest.mark.postgresql
    def test_a_repeat_is_kept_once(self, brand_a: OfficialAccount, backend: FakeBackend) -> None:
        set_backend(brand_a, backend.url, "keep")
        backend.answer = lambda _: (503, b"")
        self.push()

        assert self.push(nonce="again") == (200, b"success")
        assert len(waiting()) == 1

    @pytest.mark.postgresql
    def test_a_follower_with_waiting_messages_waits_behind_them(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url, "keep")
        backend.answer = lambda _: (503, b"")
        self.push()
        backend.answer = lambda _: (200, b"success")
        self.push(text_message("second", msg_id="2"))
        other = text_message("from somebody else", msg_id="3", from_user="o_somebody_else_0001")
        self.push(other)

        assert len(waiting()) == 2
        assert backend.bodies() == [TEXT, other]

    @pytest.mark.postgresql
    def test_a_backend_that_fails_three_times_is_left_alone_for_a_while(
        self, brand_a: OfficialAccount, backend: FakeBackend
    ) -> None:
        set_backend(brand_a, backend.url, "keep")
        backend.answer = lambda _: (503, b"")
        for number in range(6):
            message = text_message("hello", msg_id=str(number), from_user=f"o_follower_{number}")
            assert self.push(message, nonce=str(number)) == (200, b"success")
            time.sleep(0.2)  # for the writer of another process

        assert len(waiting()) == 6
        assert len(backend.received) == 3

    @pytest.mark.parametrize("form", ["plain", "encrypted", "decrypted"])
    def test_nothing_of_a_message_is_stored_or_printed(
        self, brand_a: OfficialAccount, backend: FakeBackend, form: str
    ) -> None:
        keeps = connection.vendor == "postgresql"
        policy = "keep" if keeps else "resend"
        set_backend(brand_a, backend.url, policy, forwards_decrypted=form == "decrypted")
        backend.answer = lambda _: (503 if keeps else 200, b"")
        message = text_message(MESSAGE, msg_id="1")
        if form != "plain":
            store_aes_key(brand_a, AES_KEY)
            pushes = [encrypted_push(A, message), encrypted_push(B, message)]
            pushes.append(encrypted_push(A, message, is_test_message=True))
        else:
            nonce = self_test_nonce(body=message)
            pushes = [(message, query) for query in (push(A), push(B), push(A, nonce=nonce))]
        statuses = [self.push_encrypted(it)[0] for it in pushes]

        assert statuses == [200, 403, 502 if keeps else 200]
        assert len(waiting()) == keeps
        secrets = [MESSAGE, FOLLOWER]
        secrets += [parse_qs(query)["signature"][0] for _body, query in pushes]
        secrets += [encrypt for body, _query in pushes if (encrypt := parse_message(body).encrypt)]
        assert "brand-a" in read_tables()
        assert find(secrets, read_tables()) == []
        assert '"event": "attempt"' in self.printed()
        assert find(secrets, self.printed()) == []
