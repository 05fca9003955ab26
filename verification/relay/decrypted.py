"""Forward messages decrypted, and encrypt what the backend replies.

The spool keeps each message as it came. It is decrypted when it is delivered, so that what waits
follows the account's setting and its keys as they are then.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from verification.fields import Secret, UndecryptableSecret
from verification.protocol.encryption import (
    ReplyEncryption,
    UndecryptableMessage,
    decode_aes_key,
    decrypt_message,
    encrypted_reply,
)
from verification.protocol.message import BLANKS, MalformedMessage, parse_push
from verification.protocol.request import parameters, unquote
from verification.relay.payload import Payload

XML, JSON = "text/xml; charset=utf-8", "application/json; charset=utf-8"
#: What only the query string of an encrypted message has. A library that finds neither takes the
#: message for a plain one.
OF_ENCRYPTION = {b"encrypt_type", b"msg_signature"}


class NotDecrypted(Exception):
    """None of the account's EncodingAESKeys decrypts the message."""


class DecryptionKey(NamedTuple):
    """An EncodingAESKey, with the time at which it ended or ends."""

    secret: Secret
    expires_at: datetime | None


class DecryptionKeys(NamedTuple):
    """Holds what decrypts the waiting messages of an account."""

    keys: Sequence[DecryptionKey]  #: the newest first
    receive_ids: Sequence[str]  #: with which messages may end

    def live_at(self, moment: datetime) -> list[Secret]:
        """Return the keys that decrypt a message of this moment: those that had not ended."""
        return [key.secret for key in self.keys if not key.expires_at or key.expires_at > moment]


def is_json(text: bytes) -> bool:
    return text.lstrip(BLANKS).startswith(b"{")


def make_plain(payload: Payload, plaintext: bytes) -> Payload:
    """Return what is forwarded in place of an encrypted message with this plaintext."""
    pairs = payload.query.split(b"&")
    kept = [pair for pair in pairs if unquote(pair.partition(b"=")[0]) not in OF_ENCRYPTION]
    return Payload(b"&".join(kept), JSON if is_json(plaintext) else XML, plaintext)


def decrypt_payload(payload: Payload, keys: DecryptionKeys, received_at: datetime) -> Payload:
    """Return what is forwarded of a waiting message. A plain one stays as it is.

    Raises NotDecrypted, and UndecryptableSecret if a key that may fit cannot be read.
    """
    values = parameters(payload.query)
    # The calls of WeCom have no signature, and are always encrypted.
    if "signature" in values and values.get("encrypt_type") != [b"aes"]:
        return payload
    encrypt = parse_push(payload.body).encrypt
    lost_key: UndecryptableSecret | None = None
    for secret in keys.live_at(received_at):
        try:
            key = decode_aes_key(secret.reveal())
            plaintext = decrypt_message(key, encrypt, *keys.receive_ids)
            parse_push(plaintext)
        except UndecryptableSecret as error:
            lost_key = error
        except (UndecryptableMessage, MalformedMessage):
            continue
        else:
            return make_plain(payload, plaintext)
    raise lost_key or NotDecrypted


def encrypt_reply(body: bytes, encryption: ReplyEncryption, *, as_json: bool) -> bytes:
    """Return a backend's plain reply as WeChat expects the reply to an encrypted message."""
    return encrypted_reply(
        encryption.key,
        encryption.token,
        body,
        encryption.receive_id,
        timestamp=str(int(time.time())),
        nonce=str(secrets.randbelow(10**10)),  # digits, as WeChat's own
        is_json=as_json,
    )
