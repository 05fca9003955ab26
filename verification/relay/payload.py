"""What the spool keeps of a push: query string, content type and body, encrypted."""

from __future__ import annotations

import base64
import struct
from typing import NamedTuple

from cryptography.fernet import InvalidToken

from verification.keys import payload_cipher

LENGTHS = struct.Struct(">II")  #: of the query string and the content type, in bytes


class UndecryptablePayload(Exception):
    """The payload was encrypted with a key that is no longer in TOKEN_ENCRYPTION_KEYS."""


class Payload(NamedTuple):
    query: bytes
    content_type: str
    body: bytes

    def __repr__(self) -> str:
        return f"Payload({len(self.body)} bytes)"

    def encrypt(self) -> bytes:
        """Return the payload, encrypted with the newest key."""
        content_type = self.content_type.encode()
        lengths = LENGTHS.pack(len(self.query), len(content_type))
        token = payload_cipher().encrypt(b"".join([lengths, self.query, content_type, self.body]))
        return base64.urlsafe_b64decode(token)  # a quarter smaller than base64

    @classmethod
    def decrypt(cls, stored: bytes) -> Payload:
        """Return what encrypt() has encrypted. Raises UndecryptablePayload."""
        try:
            plain = payload_cipher().decrypt(base64.urlsafe_b64encode(stored))
        except InvalidToken:
            raise UndecryptablePayload from None
        query_length, type_length = LENGTHS.unpack_from(plain)
        type_start = LENGTHS.size + query_length
        body_start = type_start + type_length
        return cls(
            plain[LENGTHS.size : type_start],
            plain[type_start:body_start].decode(),
            plain[body_start:],
        )
