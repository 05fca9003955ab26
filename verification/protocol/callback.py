"""Parse any request to a server URL into a Callback, a frozen value with cleaned fields."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from operator import or_
from typing import NamedTuple
from urllib.parse import unquote_to_bytes
from uuid import UUID, uuid4

from verification.protocol.client_ip import parse_client_ip
from verification.protocol.enums import Kind, Mark, Method
from verification.protocol.errors import (
    CallbackError,
    MalformedParameter,
    MethodNotAllowed,
    MissingParameter,
    RepeatedParameter,
)
from verification.protocol.shapes import shape_of_query, shape_of_signature
from verification.protocol.signature import (
    is_self_test_nonce,
    is_signed_with_empty_token,
    make_self_test_salt,
)

# Used with fullmatch() on bytes: '$' would accept a final newline, and str patterns would accept
# non-ASCII digits.
PATTERNS = {
    "signature": re.compile(rb"[0-9a-f]{40}"),
    "timestamp": re.compile(rb"[0-9]{1,20}"),
    "nonce": re.compile(rb"[\x21-\x7e]{1,128}"),
    "echostr": re.compile(rb"[A-Za-z0-9_+/=.~-]{1,256}"),
    "openid": re.compile(rb"[A-Za-z0-9_-]{1,128}"),
}
SELF_TEST_NONCE = re.compile(r"[0-9a-f]{32}")
REQUIRED_PARAMETERS = {
    Method.GET: ("signature", "timestamp", "nonce", "echostr"),
    Method.POST: ("signature", "timestamp", "nonce"),
}
# Any of these tells a callback at / from a person with a browser.
SIGNATURES = {"signature", "msg_signature"}
ROOT_PARAMETERS = {*SIGNATURES, "echostr"}
RAW_PARAMETERS = {name.encode(): name for name in (*PATTERNS, "msg_signature", "encrypt_type")}
#: The header of pushes that this server has forwarded to a backend, with the account's slug.
FORWARDED_HEADER = "X-WeChat-Account"
KNOWN_HEADERS = {
    "host",
    "user-agent",
    "content-type",
    "x-forwarded-for",
    "x-forwarded-proto",
    "x-request-id",
    FORWARDED_HEADER.lower(),
}

#: Bytes of a body that are read.
MAX_BODY_SIZE = 1_048_576
# Bytes. A longer query string is refused unread, so that parsing cannot be used to overload us.
MAX_QUERY_LENGTH = 32_768
NO_MARK = Mark(0)
#: The largest value of the database's integer columns.
MAX_INTEGER = 2**31 - 1
PRINTABLE = bytes(byte if 0x20 <= byte <= 0x7E else ord("?") for byte in range(256))

Parameters = Mapping[str, list[bytes]]


class Request(NamedTuple):
    """Holds the parts of an HTTP request that an adapter passes on."""

    method: str
    path: bytes  #: percent-decoded, without the query string
    query: bytes  #: still percent-encoded
    headers: Mapping[str, str]  #: lower-case names; values of a repeated header joined by commas
    peer: str  #: the IP address of the connection, empty if unknown
    scheme: str
    http_version: str
    body: bytes | None = b""  #: None if it is larger than MAX_BODY_SIZE, or incomplete
    arrived: float | None = None  #: time.perf_counter(); by default, when it is parsed

    def __repr__(self) -> str:
        return f"Request({self.method!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Holds what a message push has besides its Callback. Its values are as they arrived."""

    query: bytes = field(repr=False)
    body: bytes | None = field(repr=False)
    content_type: str
    msg_signature: bytes | None = field(repr=False)  #: 20 bytes; None if missing or malformed
    openid: str = field(repr=False)  #: empty if missing or malformed
    is_forwarded: bool  #: by a server of this kind: forwarding it again would be a loop


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """Holds one request to a server URL. Every text fits its column, in printable ASCII."""

    path_slug: str  #: empty at /
    kind: Kind
    method: Method
    #: 20 bytes; None if it was malformed. It is not in repr(), because anyone who reads a signature
    #: can repeat the request.
    signature: bytes | None = field(repr=False)
    timestamp: str
    nonce: str
    echostr: str = field(repr=False)
    client_ip: str | None
    user_agent: str
    request_id: UUID
    host: str
    marks: Mark
    clock_skew: int | None  #: this server's clock minus the request's timestamp, in seconds
    error: CallbackError | None  #: why it cannot be judged, if it cannot
    push: Push | None = None  #: None unless it is a POST
    started: float = field(default_factory=time.perf_counter)

    @property
    def is_signed_with_empty_token(self) -> bool:
        return is_signed_with_empty_token(self.timestamp, self.nonce, self.signature or b"")

    @property
    def elapsed(self) -> int:
        """Return the microseconds since the request arrived."""
        return min(int((time.perf_counter() - self.started) * 1_000_000), MAX_INTEGER)


def path_slug(request: Request) -> str | None:
    """Return the slug that a request calls, empty at /, or None if it is not a callback.

    A slug that no account can have, because it is longer than 40 characters or has other
    characters, is returned cleaned. It still contains a character that no account's slug has.

    A wrong address that someone may have put into WeChat's console, such as /WeChat/brand-a or
    /brand-a, is a callback, too. The whole path takes the place of the slug.
    """
    if request.path == b"/":
        is_callback = (
            request.method == "POST"
            or len(request.query) > MAX_QUERY_LENGTH
            or ROOT_PARAMETERS & parameters(request.query).keys()
        )
        return "" if is_callback else None
    if request.path == b"/wechat" or request.path.startswith(b"/wechat/"):
        slug = request.path[8:].removesuffix(b"/")
        return clean(request.path if slug.startswith(b"/") else slug, 40) or "/"
    return clean(request.path, 40) if is_misaddressed(request) else None


def is_misaddressed(request: Request) -> bool:
    """Return whether a request to another path was meant for a server URL.

    Its path differs from /wechat in case or slashes, or it is signed as WeChat's are.
    """
    if request.path.strip(b"/").partition(b"/")[0].lower() == b"wechat":
        return True
    if b"signature" not in request.query:
        return False
    names = parameters(request.query).keys()
    return {"timestamp", "nonce"} <= names and bool(SIGNATURES & names)


def parse_callback(
    request: Request, slug: str, trusted_proxy_count: int, self_test_key: bytes
) -> Callback:
    """Return the callback of a request whose path_slug() is `slug`.

    This never fails: what makes a callback invalid is in its `error`.
    """
    method = Method.__members__.get(request.method, Method.OTHER)
    values = parameters(request.query)
    first = {name: given[0] for name, given in values.items()}
    header = request.headers.get
    raw_timestamp = first.get("timestamp", b"")
    timestamp, nonce = clean(raw_timestamp, 20), clean(first.get("nonce", b""), 128)
    forwarded_proto = header("x-forwarded-proto", "") if trusted_proxy_count else ""
    return Callback(
        path_slug=slug,
        kind=find_kind(method, is_self_test(timestamp, nonce, self_test_key, request.body)),
        method=method,
        signature=parse_signature(first.get("signature", b"")),
        timestamp=timestamp,
        nonce=nonce,
        echostr=clean(first.get("echostr", b""), 256),
        client_ip=parse_client_ip(request.peer, header("x-forwarded-for", ""), trusted_proxy_count),
        user_agent=clean(header("user-agent", "").encode(), 200),
        request_id=parse_request_id(header("x-request-id", "")),
        host=clean(header("host", "").encode(), 100),
        marks=parse_marks(request, values, forwarded_proto),
        clock_skew=compute_clock_skew(raw_timestamp),
        error=find_error(method, request.query, values),
        push=parse_push(request, first) if method is Method.POST else None,
        started=time.perf_counter() if request.arrived is None else request.arrived,
    )


def parse_push(request: Request, values: Mapping[str, bytes]) -> Push:
    openid = values.get("openid", b"")
    return Push(
        query=request.query,
        body=request.body,
        content_type=clean(request.headers.get("content-type", "").encode(), 200),
        msg_signature=parse_signature(values.get("msg_signature", b"")),
        openid=openid.decode() if PATTERNS["openid"].fullmatch(openid) else "",
        is_forwarded=bool(request.headers.get(FORWARDED_HEADER.lower())),
    )


def parse_signature(raw: bytes) -> bytes | None:
    """Return the 20 bytes of a signature in lower-case hex digits, or None."""
    return bytes.fromhex(raw.decode()) if PATTERNS["signature"].fullmatch(raw) else None


def find_kind(method: Method, has_self_test_nonce: bool) -> Kind:
    if has_self_test_nonce and method in REQUIRED_PARAMETERS:
        return Kind.SELF_TEST
    return Kind.MESSAGE_PUSH if method is Method.POST else Kind.URL_VERIFICATION


def is_self_test(timestamp: str, nonce: str, key: bytes, body: bytes | None) -> bool:
    """Return whether the nonce proves that this server made the URL, and the message, itself.

    The proof does not expire, but it is bound to one timestamp, nonce and message. Someone who
    copies the URL can repeat that self-test, but cannot pass off a call of WeChat's as one.
    """
    has_shape = SELF_TEST_NONCE.fullmatch(nonce) is not None
    if not (has_shape and is_self_test_nonce(key, timestamp, nonce)):
        return False
    return not body or nonce.startswith(make_self_test_salt(key, body))


def parameters(query: bytes) -> Parameters:
    """Return every value of each known parameter, percent-decoded.

    '+' is not decoded to a space, because no valid value contains a space, and an echostr may
    contain '+'. A query string over MAX_QUERY_LENGTH gives no values.
    """
    values: dict[str, list[bytes]] = {}
    for pair in query.split(b"&") if len(query) <= MAX_QUERY_LENGTH else ():
        raw_name, _, raw_value = pair.partition(b"=")
        name = RAW_PARAMETERS.get(unquote(raw_name))
        if name is not None:
            values.setdefault(name, []).append(unquote(raw_value))
    return values


def unquote(raw: bytes) -> bytes:
    return unquote_to_bytes(raw) if b"%" in raw else raw


def find_error(method: Method, query: bytes, values: Parameters) -> CallbackError | None:
    """Return why a callback cannot be judged, or None."""
    if method not in REQUIRED_PARAMETERS:
        return MethodNotAllowed()
    if len(query) > MAX_QUERY_LENGTH:
        return MalformedParameter("query")
    required = REQUIRED_PARAMETERS[method]
    for name in required:
        if name not in values:
            return MissingParameter(describe(name, query))
    for name in required:
        if len(values[name]) > 1:
            return RepeatedParameter(describe(name, query))
    for name in required:
        if not PATTERNS[name].fullmatch(values[name][0]):
            return MalformedParameter(describe(name, query, values[name][0]))
    return None


def describe(name: str, query: bytes, value: bytes | None = None) -> str:
    """Return the name of the invalid parameter, and the shape of the mistake if it is a known one.

    `value` is the malformed one.
    """
    shape = shape_of_query(query)
    if shape is None and name == "signature" and value is not None:
        shape = shape_of_signature(value)
    return f"{name} {shape}" if shape else name


def parse_marks(request: Request, values: Parameters, forwarded_proto: str) -> Mark:
    scheme = forwarded_proto.rpartition(",")[2].strip() or request.scheme
    return combine_marks(
        Mark.HTTPS if scheme == "https" else NO_MARK,
        Mark.HTTP_1_0 if request.http_version == "1.0" else NO_MARK,
        Mark.MSG_SIGNATURE if "msg_signature" in values else NO_MARK,
        Mark.ENCRYPTED if values.get("encrypt_type") == [b"aes"] else NO_MARK,
    )


@lru_cache(maxsize=64)
def combine_marks(*marks: Mark) -> Mark:
    """Combine the marks. The cache helps: combining flags takes as long as finding all of them."""
    return reduce(or_, marks)


def parse_request_id(header: str) -> UUID:
    """Return the X-Request-ID of the router if it is a UUID, as Heroku's is, else a new UUID."""
    if header:
        with suppress(ValueError):
            return UUID(header)
    return uuid4()


def compute_clock_skew(timestamp: bytes) -> int | None:
    """Return this server's clock minus the timestamp, in seconds; None without a valid one."""
    if not PATTERNS["timestamp"].fullmatch(timestamp):
        return None
    return max(-MAX_INTEGER, min(int(time.time()) - int(timestamp), MAX_INTEGER))


def clean(raw: bytes, limit: int) -> str:
    """Return at most `limit` printable ASCII characters.

    Any other byte becomes '?'. A longer text is cut and ends with '~'.
    """
    text = raw[: limit + 1].translate(PRINTABLE).decode("ascii")
    return text if len(text) <= limit else text[: limit - 1] + "~"
