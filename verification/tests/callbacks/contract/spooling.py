"""Pushes that are kept until their backend takes them."""

from __future__ import annotations

import time

import pytest

from verification.models import OfficialAccount
from verification.protocol.enums import DeliveryResult
from verification.tests.support.adapter import TEXT, Adapter
from verification.tests.support.backend import FakeBackend, set_backend, waiting
from verification.tests.support.messages import text_message


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
