"""Requests that are almost a callback, as hypothesis makes them, and what may be answered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from hypothesis import strategies as st

from verification.tests.support.adapter import A, B
from verification.tests.support.signer import signature

#: Written down again, so that a mistake in the project's own shows.
ECHOSTR = re.compile(rb"[A-Za-z0-9_+/=.~-]{1,256}")
BODIES = {
    200: b"success",
    400: b"bad request",
    403: b"bad token",
    405: b"method not allowed",
    503: b"try again",
}
#: Only a callback's answer has it; Django's own pages have another.
MARK_OF_CALLBACKS = "default-src 'none'; sandbox"

ODD = st.one_of(
    st.binary(max_size=40),
    st.sampled_from(
        [
            *(
                b"",
                b"\0",
                b"%00",
                b"\r\nSet-Cookie: a=b",
                b"<script>alert(1)</script>",
                b"\xff\xfe",
            ),
            *("²".encode(), "１２３".encode(), b"1_000", b" 12 ", b"12\n", b"9" * 5_000),
            *("\u2028\u202e".encode(), b"\x1b[2J", b"' OR 1=1 --", b"{{7*7}}", b"a" * 300),
        ]
    ),
)
SAFE = st.sampled_from([b"", b"/", b"/+=.~-_"])


class Strange(NamedTuple):
    method: str
    path: bytes  #: as it is on the wire
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


@st.composite
def queries(draw: st.DrawFn) -> bytes:
    """A signed query, of which up to three parameters are odd, gone, repeated or in disguise."""
    token = draw(st.sampled_from([A, A, A, B, A[:-1], ""]))
    timestamp, nonce = draw(st.sampled_from(TIMES)), draw(st.sampled_from(NONCES))
    pairs = [
        (b"signature", signature(token, timestamp, nonce).encode()),
        (b"timestamp", timestamp.encode()),
        (b"nonce", nonce.encode()),
        (b"echostr", draw(st.one_of(st.from_regex(ECHOSTR, fullmatch=True), ODD))),
    ]
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
        change(draw, pairs)
    safe = draw(SAFE)
    return b"&".join(
        quote_from_bytes(name).encode() + b"=" + quote_from_bytes(value, safe=safe).encode()
        for name, value in pairs
    )


TIMES = ["1714036504", "0", "99999999999999999999", "9999999999"]
NONCES = ["1514711492", "1", "!~" * 64, "1714036504"]
NAMES = [b"signature", b"timestamp", b"nonce", b"echostr", b"msg_signature", b"encrypt_type", b"x"]


def change(draw: st.DrawFn, pairs: list[tuple[bytes, bytes]]) -> None:
    place = draw(st.integers(0, len(pairs)))
    name, value = pairs[place] if place < len(pairs) else (draw(st.sampled_from(NAMES)), b"1")
    changed = draw(
        st.one_of(
            st.just([]),
            st.just([(name, value), (name, value)]),
            st.just([(name.upper(), value)]),
            st.just([(name, value.upper())]),
            st.tuples(st.just(name), ODD).map(lambda pair: [pair]),
            st.tuples(ODD, st.just(value)).map(lambda pair: [(name, value), pair]),
        )
    )
    pairs[place : place + 1] = changed


PATHS = st.one_of(
    st.sampled_from(
        [
            *([b"/wechat/brand-a"] * 6),
            *(b"/wechat/brand-a/", b"/", b"/wechat", b"/wechat/", b"/wechat/brand-b"),
            *(b"/wechat/nobody", b"/wechat/%00", b"/wechat/brand-a%2F", b"/wechat/Brand-A"),
        ]
    ),
    st.binary(min_size=1, max_size=30).map(
        lambda raw: b"/wechat/" + quote_from_bytes(raw).encode()
    ),
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(
            [b"host", b"user-agent", b"x-forwarded-for", b"x-forwarded-proto", b"x-request-id"]
        ),
        # What a server lets into a header: neither a line break nor NUL.
        ODD.map(lambda raw: raw.translate(None, b"\r\n\0").strip()),
    ),
    max_size=3,
).map(tuple)
REQUESTS = st.builds(
    Strange,
    method=st.sampled_from(["GET"] * 8 + ["POST", "POST", "HEAD", "PUT", "TRACE", "BREW", "get"]),
    path=PATHS,
    query=st.one_of(queries(), queries(), queries(), ODD.map(lambda raw: quote(raw))),
    headers=HEADERS,
    body=st.sampled_from([b"", b"<xml></xml>", b"\0" * 100]),
)


def quote(raw: bytes) -> bytes:
    return quote_from_bytes(raw, safe=b"&=+").encode()


def values(query: bytes, wanted: bytes) -> list[bytes]:
    pairs = [pair.partition(b"=") for pair in query.split(b"&")]
    return [unquote_to_bytes(raw) for name, _, raw in pairs if unquote_to_bytes(name) == wanted]


def is_signed_by(token: str, query: bytes) -> bool:
    timestamp, nonce = values(query, b"timestamp"), values(query, b"nonce")
    if not len(timestamp) == len(nonce) == 1:
        return False
    try:
        right = signature(token, timestamp[0].decode("ascii"), nonce[0].decode("ascii"))
    except UnicodeDecodeError:
        return False
    return values(query, b"signature") == [right.encode()]


def may_be_answered(request: Strange, status: int, body: bytes, live_tokens: Iterable[str]) -> bool:
    """Whether a callback may get this: a fixed text, or its own echostr if all is well signed."""
    if status != 200:
        return body in {BODIES.get(status), b"" if request.method == "HEAD" else None}
    if not any(is_signed_by(token, request.query) for token in live_tokens):
        return False
    method = request.method.upper()  # Django takes get for GET
    if method == "POST":
        return body == BODIES[200]
    echoes = values(request.query, b"echostr")
    return method == "GET" and echoes == [body] and bool(ECHOSTR.fullmatch(body))


def is_callbacks(headers: Mapping[str, str]) -> bool:
    return headers.get("content-security-policy") == MARK_OF_CALLBACKS
