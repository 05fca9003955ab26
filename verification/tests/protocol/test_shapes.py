"""The mistakes that a malformed query string or signature shows."""

from __future__ import annotations

import base64
import hashlib

import pytest

from verification.protocol.shapes import Shape, shape_of_echostr, shape_of_query, shape_of_signature

SHA1 = b"5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3"


@pytest.mark.parametrize(
    ("query", "shape"),
    [
        (b"signature=a&amp;timestamp=1&amp;nonce=2", Shape.HTML_ENTITY),
        (b"signature=a\xc3\x97tamp=1&nonce=2", Shape.TIMES_SIGN),
        (b"debug=1?signature=a&timestamp=1", Shape.SECOND_QUESTION_MARK),
        (rb"signature=a\u0026timestamp=1", Shape.ESCAPED),
        (b'{"signature":"a","timestamp":"1"}', Shape.JSON),
        (b"signature%3Da%26timestamp%3D1", Shape.ENCODED),
        (b"signature=a;timestamp=1;nonce=2", Shape.OTHER_SEPARATOR),
        ("signature=a＆timestamp=1".encode(), Shape.OTHER_SEPARATOR),
        (b"signature[]=a&timestamp[]=1", Shape.ARRAY),
        (b"signature=3Da&timestamp=3D1", Shape.QUOTED_PRINTABLE),
        (b"signature=[FILTERED]&timestamp=1", Shape.MASKED),
        ("signature=a&timestamp=1&nonce=2。".encode(), Shape.PUNCTUATION),
        (b"signature={signature}&timestamp=1", Shape.PLACEHOLDER),
        (b"Signature=a&timestamp=1&nonce=2", Shape.OTHER_NAME),
        (b"sign=a&timestamp=1&nonce=2", Shape.OTHER_NAME),
        (b"signature:a timestamp:1", Shape.UNREADABLE),
        (b"signature=a&timestamp=1&nonce=2", None),
        (b"page=2", None),
        (b"", None),
        (b"code=021Yq3ml2&state=shop", Shape.REDIRECT),
        (b"error=access_denied&state=shop", Shape.REDIRECT),
    ],
)
def test_a_query_string_shows_what_mangled_it(query: bytes, shape: Shape | None) -> None:
    assert shape_of_query(query) == shape


def hex_digest(name: str) -> bytes:
    return hashlib.new(name, b"token").hexdigest().encode()


@pytest.mark.parametrize(
    ("signature", "shape"),
    [
        (b"", Shape.EMPTY),
        (hex_digest("md5"), Shape.MD5),
        (hex_digest("sha224"), Shape.SHA224),
        (hex_digest("sha256"), Shape.SHA256),
        (hex_digest("sha384"), Shape.SHA384),
        (hex_digest("sha512").upper(), Shape.SHA512),
        (base64.b64encode(hashlib.sha1(b"token").digest()), Shape.BASE64),
        (SHA1.upper(), Shape.UPPER_CASE),
        (b" " + SHA1, Shape.SPACES),
        (SHA1 + b"+", Shape.SPACES),
        (SHA1[:20] + b"-" + SHA1[20:], Shape.SPACES),
        (b'"' + SHA1 + b'"', Shape.QUOTED),
        (b"b'" + SHA1 + b"'", Shape.QUOTED),
        (b"sha1=" + SHA1, Shape.SURROUNDED),
        (SHA1 + b"*-", Shape.SURROUNDED),
        (SHA1 * 2, Shape.TWICE),
        (SHA1[:39], Shape.ONE_SHORT),
        (SHA1[:38], Shape.INCOMPLETE),
        (SHA1 + b"0", None),
        (b"nonsense", None),
    ],
)
def test_a_malformed_signature_shows_what_it_is(signature: bytes, shape: Shape | None) -> None:
    assert shape_of_signature(signature) == shape


@pytest.mark.parametrize(
    ("echostr", "shape"),
    [
        (b"RypEvHKD8QQ t0sT", Shape.SPACES),
        (b"RypEvHKD8QQ\nt0sT", Shape.SPACES),
        (b"RypEvHKD8QQ*t0sT", None),
        (b"", None),
    ],
)
def test_a_malformed_echostr_shows_what_has_become_of_it(
    echostr: bytes, shape: Shape | None
) -> None:
    assert shape_of_echostr(echostr) == shape
