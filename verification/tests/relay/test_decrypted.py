"""Messages that wait are forwarded decrypted if the account's backend gets them so by then."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import pytest
from django.core.management import call_command
from django.utils import timezone

from verification.fields import Secret, UndecryptableSecret
from verification.models import AESKey, Backend, Delivery, OfficialAccount
from verification.protocol.enums import DeliveryResult
from verification.protocol.message import parse_message
from verification.relay.decrypted import (
    DecryptionKey,
    DecryptionKeys,
    NotDecrypted,
    decrypt_payload,
    make_plain,
)
from verification.relay.payload import Payload
from verification.relay.queue import KEY_DELAY
from verification.relay.spool import WaitingPush, store
from verification.tests.support.adapter import TEXT, A
from verification.tests.support.backend import FakeBackend, Received, set_backend
from verification.tests.support.decrypted import JSON_MESSAGE, json_push
from verification.tests.support.draining import draining, wait_until
from verification.tests.support.gunicorn import Gunicorn
from verification.tests.support.messages import (
    AES_KEY,
    APP_ID,
    OTHER_AES_KEY,
    encrypted_push,
    store_aes_key,
    text_message,
)
from verification.tests.support.waiting import make_due, settled, states, waiting_push
from verification.tests.support.wecom import CORP_ID, wecom_message, wecom_push

THIRD_AES_KEY = AES_KEY[::-1]


def waiting_message(
    account: OfficialAccount, number: int, follower: str = "zhang", key: str = AES_KEY
) -> WaitingPush:
    """Return an encrypted message as the spool has it: as it came."""
    body, query = encrypted_push(A, text_message(f"no. {number}", msg_id=str(number)), key=key)
    return waiting_push(account, number, follower, body=body, query=query.encode())


def is_plain(received: Received) -> bool:
    return b"<Content>" in received.body and "msg_signature" not in received.target


def has_failed(times: int) -> bool:
    """Return whether a message has failed so often while the backend took others."""
    return Delivery.objects.filter(attempts__gte=times).exists()


@pytest.fixture
def spooling(brand_a: OfficialAccount, backend: FakeBackend, empty_spool: None) -> OfficialAccount:
    """Return an account whose backend gets messages decrypted, and whose messages are kept."""
    store_aes_key(brand_a, AES_KEY)
    set_backend(brand_a, backend.url, "keep", forwards_decrypted=True)
    return brand_a


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
class TestTheSpool:
    def test_a_waiting_message_is_decrypted_when_it_is_delivered(
        self, spooling: OfficialAccount, backend: FakeBackend
    ) -> None:
        push = waiting_message(spooling, 7)
        store([push])
        stored = Payload.decrypt(bytes(Delivery.objects.get().payload or b""))
        with draining():
            wait_until(lambda: settled(spooling))

        assert stored.body == push.body
        [received] = backend.received
        assert received.body == text_message("no. 7", msg_id="7")
        assert received.headers["content-type"] == "text/xml; charset=utf-8"
        assert received.headers["webhook-id"] == push.webhook_id
        query = dict(parse_qsl(received.target.partition("?")[2]))
        assert query.keys() == {"signature", "timestamp", "nonce", "openid"}

    def test_a_plain_one_goes_as_it_came(
        self, spooling: OfficialAccount, backend: FakeBackend
    ) -> None:
        push = waiting_push(spooling, 1)
        store([push])
        with draining():
            wait_until(lambda: settled(spooling))

        assert backend.bodies() == [push.body]
        assert backend.received[0].headers["content-type"] == "text/xml"

    @pytest.mark.parametrize("is_on", [True, False])
    def test_what_waits_follows_the_switch(
        self, spooling: OfficialAccount, backend: FakeBackend, is_on: bool
    ) -> None:
        set_backend(spooling, backend.url, "keep", forwards_decrypted=not is_on)
        store([waiting_message(spooling, n, f"follower{n}") for n in range(5)])
        set_backend(spooling, backend.url, "keep", forwards_decrypted=is_on)
        with draining():
            wait_until(lambda: settled(spooling))

        assert [is_plain(received) for received in backend.received] == [is_on] * 5

    def test_a_key_that_has_ended_decrypts_only_what_arrived_before(
        self, spooling: OfficialAccount, backend: FakeBackend
    ) -> None:
        store([waiting_message(spooling, 1)])
        store_aes_key(spooling, OTHER_AES_KEY)
        AESKey.objects.exclude(superseded_at=None).update(expires_at=timezone.now())
        store([waiting_message(spooling, 2, "li")])
        with draining() as workers:
            workers.wait_until_idle()

        assert backend.bodies() == [text_message("no. 1", msg_id="1")]
        assert states(spooling) == ["DELIVERED", "WAITING"]

    def test_a_mistyped_key_delays_messages_until_it_is_corrected(
        self, spooling: OfficialAccount, backend: FakeBackend
    ) -> None:
        AESKey.objects.update(secret=Secret.of(OTHER_AES_KEY))
        store([waiting_message(spooling, n, f"follower{n}") for n in range(3)])
        reason = DeliveryResult.NOT_DECRYPTED.value
        with draining():
            wait_until(lambda: Delivery.objects.filter(last_result=reason).count() == 3)
        assert states(spooling) == ["WAITING"] * 3
        assert not Backend.objects.get().is_failing
        assert backend.received == []

        store_aes_key(spooling, AES_KEY)
        make_due(spooling)
        with draining():
            wait_until(lambda: settled(spooling))
        assert states(spooling) == ["DELIVERED"] * 3
        assert all(is_plain(received) for received in backend.received)

    def test_a_message_that_no_key_decrypts_holds_up_nobody_else(
        self, spooling: OfficialAccount, backend: FakeBackend
    ) -> None:
        """It says nothing about the backend, which was never called."""
        store([waiting_message(spooling, 1, "zhang", key=THIRD_AES_KEY)])
        with draining() as workers:
            for _ in range(4):
                make_due(spooling)
                workers.wait_until_idle()
            store([waiting_message(spooling, 2, "li")])
            wait_until(lambda: states(spooling) == ["WAITING", "DELIVERED"])

        zhang = Delivery.objects.get(follower="zhang")
        assert zhang.attempts == 0
        assert timedelta(seconds=50) < zhang.due_at - timezone.now() <= KEY_DELAY
        assert not Backend.objects.get().is_failing

    def test_it_does_not_keep_a_backend_that_failed_from_being_tried(
        self, spooling: OfficialAccount, backend: FakeBackend
    ) -> None:
        store([waiting_message(spooling, n, f"a{n}", key=THIRD_AES_KEY) for n in range(5)])
        store([waiting_message(spooling, 6, "b")])
        Backend.objects.update(
            failures=3, failing_since=timezone.now(), next_probe_at=timezone.now()
        )
        with draining():
            wait_until(lambda: states(spooling)[5] == "DELIVERED")

        assert not Backend.objects.get().is_failing

    def test_a_message_of_a_key_that_nobody_has_becomes_a_dead_letter_alone(
        self, spooling: OfficialAccount, backend: FakeBackend
    ) -> None:
        store([waiting_message(spooling, 1, "zhang", key=THIRD_AES_KEY)])
        with draining():
            for number in range(2, 7):
                # The time of a success is written once a second.
                Backend.objects.update(last_success_at=None)
                store([waiting_message(spooling, number, f"follower{number}")])
                make_due(spooling)
                wait_until(lambda: states(spooling)[1:].count("WAITING") == 0)
                make_due(spooling)
                wait_until(partial(has_failed, number - 1))

        assert states(spooling) == ["DEAD"] + ["DELIVERED"] * 5

    def test_a_key_that_this_process_cannot_read_yet_is_waited_for(
        self, spooling: OfficialAccount, backend: FakeBackend, settings: Any
    ) -> None:
        old = settings.TOKEN_ENCRYPTION_KEYS
        settings.TOKEN_ENCRYPTION_KEYS = ["new-" * 10]
        AESKey.objects.update(secret=Secret.of(AES_KEY))
        settings.TOKEN_ENCRYPTION_KEYS = old
        store([waiting_message(spooling, 1)])
        missing = DeliveryResult.KEY_MISSING.value
        with draining():
            wait_until(lambda: Delivery.objects.filter(last_result=missing).exists())

        assert states(spooling) == ["WAITING"]
        assert not Backend.objects.get().is_failing


def test_send_push_reads_the_reply_that_was_encrypted_here(
    gunicorn: Gunicorn,
    brand_a: OfficialAccount,
    backend: FakeBackend,
    settings: Any,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings.PORT = gunicorn.port
    store_aes_key(brand_a, AES_KEY)
    set_backend(brand_a, backend.url, forwards_decrypted=True)
    backend.answer = reply_to_the_sender
    call_command("send_push", "brand-a", "--encrypted", "--text", "您好")

    assert "replied (text)" in capsys.readouterr().out
    assert "您好".encode() in backend.bodies()[0]


def reply_to_the_sender(received: Received) -> tuple[int, bytes]:
    message = parse_message(received.body)
    reply = (
        f"<xml><ToUserName>{message.from_user}</ToUserName>"
        f"<FromUserName>{message.to_user}</FromUserName>"
        "<MsgType>text</MsgType><Content>您好</Content></xml>"
    )
    return 200, reply.encode()


# --- Without a database

NOW = datetime(2026, 11, 29, 8, 30, tzinfo=UTC)


def keys_of(*texts: str) -> DecryptionKeys:
    return DecryptionKeys(
        [DecryptionKey(Secret.of(text), None) for text in texts], [APP_ID, CORP_ID]
    )


KEYS = keys_of(OTHER_AES_KEY, AES_KEY)


def payload_of(body_and_query: tuple[bytes, str]) -> Payload:
    body, query = body_and_query
    return Payload(query.encode(), "text/xml", body)


def test_the_format_of_the_message_decides_the_content_type() -> None:
    xml = decrypt_payload(payload_of(encrypted_push(A, TEXT)), KEYS, NOW)
    as_json = decrypt_payload(payload_of(json_push(A)), KEYS, NOW)

    assert (xml.body, xml.content_type) == (TEXT, "text/xml; charset=utf-8")
    assert (as_json.body, as_json.content_type) == (
        JSON_MESSAGE,
        "application/json; charset=utf-8",
    )


def test_a_message_of_wecom_has_no_signature_and_is_encrypted() -> None:
    message = wecom_message("hello")
    plain = decrypt_payload(payload_of(wecom_push(A, message)), KEYS, NOW)

    assert plain.body == message
    assert plain.query.startswith(b"timestamp=")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (b"a=%2f+&msg_signature=1&b&encrypt_type=aes&c=", b"a=%2f+&b&c="),
        (b"%6dsg_signature=1&msg_signature=2&x=msg_signature", b"x=msg_signature"),
        (b"", b""),
    ],
)
def test_only_what_says_that_a_message_is_encrypted_leaves_the_query(
    query: bytes, expected: bytes
) -> None:
    assert make_plain(Payload(query, "text/xml", b""), TEXT).query == expected


@pytest.mark.parametrize(
    "push",
    [
        encrypted_push(A, TEXT, key=THIRD_AES_KEY),
        encrypted_push(A, TEXT, app_id="wx0000000000000bad"),
        encrypted_push(A, b"<!DOCTYPE x []><xml></xml>"),
    ],
    ids=["another key", "another id", "a DTD"],
)
def test_what_no_key_decrypts_to_a_message_is_not_forwarded(push: tuple[bytes, str]) -> None:
    with pytest.raises(NotDecrypted):
        decrypt_payload(payload_of(push), KEYS, NOW)


def test_a_key_that_cannot_be_read_may_be_the_one_that_fits(settings: Any) -> None:
    [lost] = keys_of(AES_KEY).keys
    settings.TOKEN_ENCRYPTION_KEYS = ["new-" * 10]
    [readable] = keys_of(OTHER_AES_KEY).keys
    push = payload_of(encrypted_push(A, TEXT))

    for keys in ([lost, readable], [readable, lost]):
        with pytest.raises(UndecryptableSecret):
            decrypt_payload(push, DecryptionKeys(keys, [APP_ID]), NOW)
