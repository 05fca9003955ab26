"""repr() shows neither secrets nor messages, because tracebacks and error reporters print it."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import uuid
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from verification import accounts, callbacks, protocol, relay, self_test
from verification.accounts.refusals import RefusalRow
from verification.accounts.reply_report import Finding, SentMessage
from verification.callbacks.decryption import AccountSettings, Decryption, LiveKey
from verification.callbacks.store import AccountTokenRow
from verification.callbacks.verdicts import LiveToken
from verification.fields import Secret
from verification.models import OfficialAccount
from verification.protocol.callback import Push
from verification.protocol.encryption import ReplyEncryption
from verification.protocol.enums import Outcome
from verification.protocol.message import Message
from verification.protocol.reply import AcceptedPush, Reply, Target, Verdict
from verification.protocol.request import Request
from verification.relay.client import BackendReply, Forwarded
from verification.relay.decrypted import DecryptionKey, DecryptionKeys
from verification.relay.payload import Payload
from verification.relay.queue import Claimed, Route
from verification.relay.spool import WaitingPush
from verification.self_test.client import Answer, Encryption, Probe
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import verification

#: Stands for a secret, a signature, an OpenID, or what somebody wrote.
TEXT = "Xy9-wren-Kd4-heather"
BODY = TEXT.encode()
NOW = datetime(2026, 5, 4, 8, 30, tzinfo=UTC)
MESSAGE = Message(from_user=TEXT, to_user=TEXT, msg_id=TEXT, encrypt=TEXT, msg_type="text")
TARGET = Target(
    account_id=1,
    slug="brand-a",
    url=TEXT,
    keeps_messages=True,
    secrets=(TEXT,),
    is_failing=False,
    is_open=False,
    is_probe_due=False,
    has_waiting=False,
)
REPLY_ENCRYPTION = ReplyEncryption(key=BODY, receive_id="wx0123456789abcdef", token=TEXT)
PUSH = AcceptedPush(
    target=TARGET, message=MESSAGE, plaintext=BODY, reply_encryption=REPLY_ENCRYPTION
)
CALLBACK = replace(
    make_callback(verification("TokenOfBrandA1234")),
    signature=BODY,
    echostr=TEXT,
    push=Push(
        query=BODY,
        body=BODY,
        content_type="text/xml",
        msg_signature=BODY,
        openid=TEXT,
        is_forwarded=False,
    ),
)
HEADERS = {"webhook-signature": TEXT}
#: An object of each class that holds such a text, with the text in every such field.
OBJECTS = [
    MESSAGE,
    TARGET,
    PUSH,
    Verdict(outcome=Outcome.ACCEPTED, status=200, push=PUSH),
    Reply(200, BODY, {"X-Any": TEXT}),
    Request("POST", b"/", BODY, {"cookie": TEXT}, "10.0.0.1", "https", "1.1", BODY),
    CALLBACK,
    CALLBACK.push,
    LiveToken(1, 1, Secret(TEXT), is_unused=False, slug="brand-a"),
    LiveKey(1, is_unused=False, has_failed=False, secret=Secret(TEXT)),
    AccountSettings(["wx0123456789abcdef"], [], False, TARGET),
    Decryption(plaintext=BODY, content=MESSAGE, key=BODY),
    REPLY_ENCRYPTION,
    DecryptionKey(Secret(TEXT), None),
    DecryptionKeys([DecryptionKey(Secret(TEXT), None)], ["wx0123456789abcdef"]),
    AccountTokenRow(
        account_id=1,
        slug="brand-a",
        is_paused=False,
        answers_at_root=False,
        platform=1,
        token_id=1,
        ciphertext=TEXT,
        is_unused=False,
        aes_keys=TEXT,
        backend_url=TEXT,
        secret=TEXT,
        previous_secret=TEXT,
    ),
    Payload(BODY, TEXT, BODY),
    Forwarded(TEXT, TEXT, BODY, HEADERS),
    BackendReply(200, BODY),
    Route("brand-a", TEXT, [TEXT]),
    Claimed(1, "msg_1", uuid.UUID(int=1), memoryview(BODY), NOW, 0, None, NOW),
    WaitingPush(
        account_id=1,
        webhook_id="msg_1",
        follower="zhang",
        request_id=uuid.UUID(int=1),
        received_at=NOW,
        query=BODY,
        content_type="text/xml",
        body=BODY,
    ),
    RefusalRow(1, 1, 1, 1, "", NOW, None, "", BODY, "1", "2", TEXT, 0, 1),
    Encryption(key=BODY, app_id="wx0123456789abcdef"),
    SentMessage(OfficialAccount(slug="brand-a"), TEXT, Encryption(BODY, "wx1"), False),
    Probe(url=TEXT, echostr=TEXT, body=BODY),
    Answer(status=200, body=BODY, headers={}, seconds=0.1, echostr=TEXT),
    Finding(True, f"It replied {TEXT}.", advice=TEXT, reply_text=TEXT),
]
#: Names of the fields that hold such a text.
FIELDS = {
    *("aes_keys", "backend_url", "body", "ciphertext", "echostr", "encrypt", "from_user", "key"),
    *("openid", "payload", "plaintext", "query", "reply_text", "secret", "secrets", "url"),
}


@pytest.mark.parametrize("holder", OBJECTS, ids=lambda holder: type(holder).__name__)
def test_repr_shows_no_content(holder: object) -> None:
    assert TEXT not in repr(holder)
    assert TEXT not in str(holder)


def test_every_class_that_holds_content_is_tested() -> None:
    holders = {name for name, names in every_class() if FIELDS & names}

    assert {type(holder).__name__ for holder in OBJECTS} >= holders
    assert len(holders) > 15


def every_class() -> Iterator[tuple[str, set[str]]]:
    """Yield each class of the packages through which messages pass, with its fields."""
    for package in (protocol, callbacks, relay, self_test, accounts):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for name, cls in vars(importlib.import_module(module.name)).items():
                if inspect.isclass(cls) and cls.__module__ == module.name:
                    yield name, fields_of(cls)


def fields_of(cls: Any) -> set[str]:
    if is_dataclass(cls):
        return {field.name for field in fields(cls)}
    return set(getattr(cls, "_fields", ()))
