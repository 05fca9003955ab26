"""Hypothesis strategies for requests that resemble callbacks, and the responses they may get."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from hypothesis import strategies as st

from verification.tests.support.adapter import A, B
from verification.tests.support.signer import signature

#: Repeated here, so that a mistake in the project's own pattern is found.
ECHOSTR = re.compile(rb"[A-Za-z0-9_+/=.~-]{1,256}")
BODIES = {
    200: b"success",
    400: b"bad request",
    403: b"bad token",
    405: b"method not allowed",
    503: b"try again",
}
#: The policy of responses to callbacks; Django's pages have another.
CALLBACK_POLICY = "default-src 'none'; sandbox"

ODD_BYTES = st.one_of(
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


class FuzzRequest(NamedTuple):
    method: str
    path: bytes  #: as sent
    query: bytes
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


@st.composite
def queries(draw: st.DrawFn) -> bytes:
    """Return a signed query with up to three parameters changed, removed, repeated or renamed."""
    token = draw(st.sampled_from([A, A, A, B, A[:-1], ""]))
    timestamp, nonce = draw(st.sampled_from(TIMES)), draw(st.sampled_from(NONCES))
    pairs = [
        (b"signature", signature(token, timestamp, nonce).encode()),
        (b"timestamp", timestamp.encode()),
        (b"nonce", nonce.encode()),
        (b"echostr", draw(st.one_of(st.from_regex(ECHOSTR, fullmatch=True), ODD_BYTES))),
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
    index = draw(st.integers(0, len(pairs)))
    name, value = pairs[index] if index < len(pairs) else (draw(st.sampled_from(NAMES)), b"1")
    changed = draw(
        st.one_of(
            st.just([]),
            st.just([(name, value), (name, value)]),
            st.just([(name.upper(), value)]),
            st.just([(name, value.upper())]),
            st.tuples(st.just(name), ODD_BYTES).map(lambda pair: [pair]),
            st.tuples(ODD_BYTES, st.just(value)).map(lambda pair: [(name, value), pair]),
        )
    )
    pairs[index : index + 1] = changed


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
        # A server lets neither line breaks nor NUL into a header.
        ODD_BYTES.map(lambda raw: raw.translate(None, b"\r\n\0").strip()),
    ),
    max_size=3,
).map(tuple)
REQUESTS = st.builds(
    FuzzRequest,
    method=st.sampled_from(["GET"] * 8 + ["POST", "POST", "HEAD", "PUT", "TRACE", "BREW", "get"]),
    path=PATHS,
    query=st.one_of(queries(), queries(), queries(), ODD_BYTES.map(lambda raw: quote(raw))),
    headers=HEADERS,
    body=st.sampled_from([b"", b"<xml></xml>", b"\0" * 100]),
)


def quote(raw: bytes) -> bytes:
    return quote_from_bytes(raw, safe=b"&=+").encode()


def values(query: bytes, name: bytes) -> list[bytes]:
    """Return all values of the parameter `name`."""
    pairs = [pair.partition(b"=") for pair in query.split(b"&")]
    return [unquote_to_bytes(value) for key, _, value in pairs if unquote_to_bytes(key) == name]


def is_signed_by(token: str, query: bytes) -> bool:
    timestamp, nonce = values(query, b"timestamp"), values(query, b"nonce")
    if not len(timestamp) == len(nonce) == 1:
        return False
    try:
        expected = signature(token, timestamp[0].decode("ascii"), nonce[0].decode("ascii"))
    except UnicodeDecodeError:
        return False
    return values(query, b"signature") == [expected.encode()]


def is_allowed_response(
    request: FuzzRequest, status: int, body: bytes, live_tokens: Iterable[str]
) -> bool:
    """Return whether a callback may get this response.

    A correctly signed callback may get its own echostr, or "success" for a push. All others get
    the fixed text of their status.
    """
    if status != 200:
        return body in {BODIES.get(status), b"" if request.method == "HEAD" else None}
    if not any(is_signed_by(token, request.query) for token in live_tokens):
        return False
    method = request.method.upper()  # Django treats get as GET
    if method == "POST":
        return body == BODIES[200]
    echoes = values(request.query, b"echostr")
    return method == "GET" and echoes == [body] and bool(ECHOSTR.fullmatch(body))


def is_callback_response(headers: Mapping[str, str]) -> bool:
    return headers.get("content-security-policy") == CALLBACK_POLICY
