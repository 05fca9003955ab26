"""Encrypt and decrypt messages as WeChat's security mode (安全模式) and WeCom do.

The envelope is 16 random bytes, the length of the message in 4 bytes, the message, and the AppID or
CorpID, padded to blocks of 32 bytes and encrypted with AES-256-CBC.

Reference: https://developers.weixin.qq.com/doc/offiaccount/Message_Management/Message_encryption_and_decryption_instructions.html
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from enum import StrEnum, auto
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from verification.protocol.signature import compute_signature, constant_time_compare

#: The alphabet of WeChat's console. Use it with fullmatch().
AES_KEY_PATTERN = re.compile(r"[A-Za-z0-9]{43}")
#: The shape of AppIDs (wx), CorpIDs (ww; old ones wx) and SuiteIDs (ww, wx, tj or dk).
RECEIVE_ID_PATTERN = re.compile(rb"(?:wx|ww|tj|dk)[0-9a-z]{16}")

AES_BLOCK_SIZE = 16
#: The padding's block, twice that of AES: the padding is 1 to 32 bytes long.
PADDING_BLOCK_SIZE = 32
RANDOM_SIZE = 16
#: The random bytes and the length.
HEADER_SIZE = RANDOM_SIZE + 4


class Problem(StrEnum):
    """Why a message cannot be decrypted. All but RECEIVE_ID usually mean that the key is wrong."""

    BASE64 = auto()  #: it is not base64, or not the only spelling of its bytes
    LENGTH = auto()  #: it is empty or not made of whole AES blocks
    PADDING = auto()
    CONTENT = auto()  #: it is shorter than its header or its length says
    RECEIVE_ID = auto()  #: it was decrypted, but is for another AppID or CorpID


#: Why no key decrypts a text although none of these problems was found: the account has no key or
#: no AppID or CorpID, no key of TOKEN_ENCRYPTION_KEYS decrypts its keys, or the text is of another
#: kind than was expected.
NO_KEY, KEY_LOST, BODY = "no_key", "key_lost", "body"
#: Why an encrypted message is refused before it is decrypted: it is not marked as encrypted, its
#: msg_signature is missing or malformed, or it is the same as signature, which covers no text.
PLAIN, MISSING, COPIED = "plain", "missing", "copied"


class UndecryptableMessage(ValueError):
    """The message cannot be decrypted with this key for this account.

    Neither the key nor anything that was decrypted is part of the text.
    """

    def __init__(self, problem: Problem, receive_id: str = "") -> None:
        super().__init__(problem.value)
        self.problem = problem
        #: The AppID or CorpID that the message is for; empty if it is not shaped like one.
        self.receive_id = receive_id


def decode_aes_key(text: str) -> bytes:
    """Return the 32 bytes of an EncodingAESKey.

    43 characters hold two bits more than 32 bytes. WeChat makes keys in which these are set, and
    ignores them, so every last character is accepted.
    """
    if not AES_KEY_PATTERN.fullmatch(text):
        raise ValueError("An EncodingAESKey consists of 43 letters and digits.")
    return base64.b64decode(text + "=")


def decrypt_message(key: bytes, encrypt: str, *receive_ids: str) -> bytes:
    """Return the message in an Encrypt element or echostr, which must be for one of `receive_ids`.

    Raises UndecryptableMessage. Messages that are padded to blocks of 16 bytes are accepted, as
    WeChat's own libraries do.
    """
    message, _receive_id = decrypt_message_and_id(key, encrypt, *receive_ids)
    return message


def decrypt_message_and_id(key: bytes, encrypt: str, *receive_ids: str) -> tuple[bytes, str]:
    """Return the message as decrypt_message() does, and the id with which it ends."""
    decryptor = Cipher(AES(key), CBC(key[:AES_BLOCK_SIZE])).decryptor()
    text = remove_padding(decryptor.update(decode_ciphertext(encrypt)) + decryptor.finalize())
    end = HEADER_SIZE + int.from_bytes(text[RANDOM_SIZE:HEADER_SIZE], "big")
    if len(text) < end:
        raise UndecryptableMessage(Problem.CONTENT)
    found = text[end:]
    if not any(constant_time_compare(found, one.encode()) for one in receive_ids):
        is_shaped = RECEIVE_ID_PATTERN.fullmatch(found)
        raise UndecryptableMessage(Problem.RECEIVE_ID, found.decode() if is_shaped else "")
    return text[HEADER_SIZE:end], found.decode()


def decode_ciphertext(encrypt: str) -> bytes:
    """Decode base64 in its one canonical spelling: no white space, no unused bits."""
    try:
        ciphertext = base64.b64decode(encrypt, validate=True)
    except ValueError:
        ciphertext = b""
    if base64.b64encode(ciphertext) != encrypt.encode(errors="replace"):
        raise UndecryptableMessage(Problem.BASE64)
    if not ciphertext or len(ciphertext) % AES_BLOCK_SIZE:
        raise UndecryptableMessage(Problem.LENGTH)
    return ciphertext


def remove_padding(padded: bytes) -> bytes:
    size = padded[-1]
    padding = bytes([size]) * size
    if not 1 <= size <= PADDING_BLOCK_SIZE or not constant_time_compare(padded[-size:], padding):
        raise UndecryptableMessage(Problem.PADDING)
    return padded[:-size]


def encrypt_message(
    key: bytes, plaintext: bytes, receive_id: str, random: bytes | None = None
) -> str:
    """Return the text of an Encrypt element. `random` is 16 bytes; pass it in tests only."""
    if random is None:
        # 16 printable characters, as WeChat sends, because some libraries decode them as text.
        random = secrets.token_urlsafe(12).encode()
    text = random + len(plaintext).to_bytes(4, "big") + plaintext + receive_id.encode()
    size = PADDING_BLOCK_SIZE - len(text) % PADDING_BLOCK_SIZE
    encryptor = Cipher(AES(key), CBC(key[:AES_BLOCK_SIZE])).encryptor()
    ciphertext = encryptor.update(text + bytes([size]) * size) + encryptor.finalize()
    return base64.b64encode(ciphertext).decode()


class ReplyEncryption(NamedTuple):
    """Holds what encrypts and signs the reply to an encrypted push: the same as for the push."""

    key: bytes
    receive_id: str  #: with which the push ended
    token: str

    def __repr__(self) -> str:
        return f"ReplyEncryption(receive_id={self.receive_id!r})"


def encrypted_reply(
    key: bytes,
    token: str,
    plaintext: bytes,
    receive_id: str,
    timestamp: str,
    nonce: str,
    *,
    is_json: bool = False,
) -> bytes:
    """Return the reply to an encrypted push, in XML or JSON.

    `timestamp` and `nonce` are the reply's own.
    """
    encrypt = encrypt_message(key, plaintext, receive_id)
    signature = compute_signature(token, timestamp, nonce, encrypt)
    if is_json:
        envelope = {
            "Encrypt": encrypt,
            "MsgSignature": signature.hex(),
            "TimeStamp": int(timestamp),
            "Nonce": nonce,
        }
        return json.dumps(envelope).encode()
    return (
        f"<xml>\n<Encrypt>{cdata(encrypt)}</Encrypt>\n"
        f"<MsgSignature>{cdata(signature.hex())}</MsgSignature>\n"
        f"<TimeStamp>{timestamp}</TimeStamp>\n<Nonce>{cdata(nonce)}</Nonce>\n</xml>"
    ).encode()


def encrypted_push(key: bytes, plaintext: bytes, receive_id: str, to_user: str) -> bytes:
    """Return the body of a push as WeChat sends it in security mode."""
    encrypt = encrypt_message(key, plaintext, receive_id)
    return (
        f"<xml>\n    <ToUserName>{cdata(to_user)}</ToUserName>\n"
        f"    <Encrypt>{cdata(encrypt)}</Encrypt>\n</xml>\n"
    ).encode()


def cdata(text: str) -> str:
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"
