"""Compares encrypted messages with those of wechatpy, an independent library."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from typing import NamedTuple

from wechatpy.crypto import WeChatCrypto

from verification.protocol.encryption import (
    decode_aes_key,
    decrypt_message,
    encrypted_push,
    encrypted_reply,
)
from verification.protocol.message import parse_message
from verification.protocol.signature import compute_signature, verify_signature
from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.run_length import short_or_long

ENVELOPES = short_or_long(200, 10_000)
ALPHANUMERIC = string.ascii_letters + string.digits
#: Of one to four bytes in UTF-8, and those that mean something in XML.
LETTERS = "aZ0 \n<>&]\"'éß你好，？😀"


class Sent(NamedTuple):
    token: str
    aes_key: str  #: as WeChat's console shows it
    app_id: str
    message: str
    timestamp: str
    nonce: str


def random_messages(count: int) -> Iterator[Sent]:
    generator = random.Random(20_261_128)

    def text(alphabet: str, length: int) -> str:
        return "".join(generator.choices(alphabet, k=length))

    for _ in range(count):
        yield Sent(
            token=text(ALPHANUMERIC, generator.randint(3, 32)),
            aes_key=text(ALPHANUMERIC, 43),
            app_id="wx" + text("0123456789abcdef", 16),
            message=text(LETTERS, generator.choice([0, 1, generator.randint(2, 99), 2048])),
            timestamp=text(string.digits, 10),
            nonce=text(string.digits, generator.randint(1, 20)),
        )


def wechatpy_reads_our_push(sent: Sent) -> bool:
    key = decode_aes_key(sent.aes_key)
    push = encrypted_push(key, sent.message.encode(), sent.app_id, "gh_97417a04a28d")
    encrypt = parse_message(push).encrypt
    signature = compute_signature(sent.token, sent.timestamp, sent.nonce, encrypt).hex()
    library = WeChatCrypto(sent.token, sent.aes_key, sent.app_id)
    decrypted = library.decrypt_message(push.decode(), signature, sent.timestamp, sent.nonce)
    return bool(decrypted == sent.message)


def wechatpy_reads_our_reply(sent: Sent) -> bool:
    reply = encrypted_reply(
        decode_aes_key(sent.aes_key),
        sent.token,
        sent.message.encode(),
        sent.app_id,
        sent.timestamp,
        sent.nonce,
    ).decode()
    signature = reply.partition("<MsgSignature><![CDATA[")[2][:40]
    library = WeChatCrypto(sent.token, sent.aes_key, sent.app_id)
    decrypted = library.decrypt_message(reply, signature, sent.timestamp, sent.nonce)
    return bool(decrypted == sent.message)


def we_read_the_message_of_wechatpy(sent: Sent) -> bool:
    library = WeChatCrypto(sent.token, sent.aes_key, sent.app_id)
    body = library.encrypt_message(sent.message, sent.nonce, sent.timestamp)
    encrypt = parse_message(body.encode()).encrypt
    signature = bytes.fromhex(body.partition("<MsgSignature><![CDATA[")[2][:40])
    key = decode_aes_key(sent.aes_key)
    return (
        verify_signature(sent.token, [sent.timestamp, sent.nonce, encrypt], signature)
        and decrypt_message(key, encrypt, sent.app_id).decode() == sent.message
    )


def test_encrypted_messages_are_read_as_wechatpy_reads_them(figure: RecordFigure) -> None:
    agreed = sum(
        wechatpy_reads_our_push(sent)
        and wechatpy_reads_our_reply(sent)
        and we_read_the_message_of_wechatpy(sent)
        for sent in random_messages(ENVELOPES)
    )
    figure(
        "Encrypted messages and replies are read by wechatpy, an older library, and its by us",
        target=f"{ENVELOPES:,} random messages both ways, no difference",
        measured=f"{ENVELOPES:,} messages, {ENVELOPES - agreed:,} differences",
        is_met=agreed == ENVELOPES,
    )

    assert agreed == ENVELOPES
