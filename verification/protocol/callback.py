"""Parse any request to a server URL into a Callback, a frozen value with cleaned fields."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from operator import or_
from uuid import UUID, uuid4

from verification.protocol.client_ip import parse_client_ip
from verification.protocol.enums import Kind, Mark, Method, is_wecom_call
from verification.protocol.errors import (
    CallbackError,
    MalformedParameter,
    MethodNotAllowed,
    MissingParameter,
    RepeatedParameter,
)
from verification.protocol.request import (
    FORWARDED_HEADER,
    MAX_QUERY_LENGTH,
    SIGNATURES,
    Parameters,
    Request,
    clean,
    parameters,
)
from verification.protocol.shapes import shape_of_echostr, shape_of_query, shape_of_signature
from verification.protocol.signature import (
    is_self_test_nonce,
    is_signed_with_empty_token,
    make_self_test_salt,
    signed_parts,
)

# Used with fullmatch() on bytes: '$' would accept a final newline, and str patterns would accept
# non-ASCII digits.
PATTERNS = {
    "signature": re.compile(rb"[0-9a-f]{40}"),
    "timestamp": re.compile(rb"[0-9]{1,20}"),
    "nonce": re.compile(rb"[\x21-\x7e]{1,128}"),
    "msg_signature": re.compile(rb"[0-9a-f]{40}"),
    "echostr": re.compile(rb"[A-Za-z0-9_+/=.~-]{1,256}"),
    "openid": re.compile(rb"[A-Za-z0-9_-]{1,128}"),
}
SELF_TEST_NONCE = re.compile(r"[0-9a-f]{32}")
#: The parameters that a call must have besides its signature.
REQUIRED_PARAMETERS = {
    Method.GET: ("timestamp", "nonce", "echostr"),
    Method.POST: ("timestamp", "nonce"),
}
#: What a malformed parameter can look like.
SHAPE_FINDERS = {
    **dict.fromkeys(SIGNATURES, shape_of_signature),
    "echostr": shape_of_echostr,
}
NO_MARK = Mark(0)
#: The largest value of the database's integer columns.
MAX_INTEGER = 2**31 - 1


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
    #: 20 bytes; None if it was malformed. For a WeCom call, this is msg_signature. It is not in
    #: repr(), because anyone who reads a signature can repeat the request.
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
    def is_wecom_call(self) -> bool:
        return is_wecom_call(self.marks)

    @property
    def signed_parts(self) -> tuple[str, ...]:
        """Return what the signature covers, except for the message of a push."""
        return signed_parts(self.marks, self.timestamp, self.nonce, self.echostr)

    @property
    def is_signed_with_empty_token(self) -> bool:
        return is_signed_with_empty_token(self.signed_parts, self.signature or b"")

    @property
    def elapsed(self) -> int:
        """Return the microseconds since the request arrived."""
        return min(int((time.perf_counter() - self.started) * 1_000_000), MAX_INTEGER)


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
    forwarded_proto = header("x-forwarded-proto", "") if trusted_proxy_count else ""
    marks = parse_marks(request, values, forwarded_proto)
    signature_name = "msg_signature" if is_wecom_call(marks) else "signature"
    raw_timestamp = first.get("timestamp", b"")
    timestamp, nonce = clean(raw_timestamp, 20), clean(first.get("nonce", b""), 128)
    return Callback(
        path_slug=slug,
        kind=find_kind(method, is_self_test(timestamp, nonce, self_test_key, request.body)),
        method=method,
        signature=parse_signature(first.get(signature_name, b"")),
        timestamp=timestamp,
        nonce=nonce,
        echostr=clean(first.get("echostr", b""), 256),
        client_ip=parse_client_ip(request.peer, header("x-forwarded-for", ""), trusted_proxy_count),
        user_agent=clean(header("user-agent", "").encode(), 200),
        request_id=parse_request_id(header("x-request-id", "")),
        host=clean(header("host", "").encode(), 100),
        marks=marks,
        clock_skew=compute_clock_skew(raw_timestamp),
        error=find_error(method, request.query, values, signature_name),
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


def find_error(
    method: Method, query: bytes, values: Parameters, signature_name: str
) -> CallbackError | None:
    """Return why a callback cannot be judged, or None."""
    if method not in REQUIRED_PARAMETERS:
        return MethodNotAllowed()
    if len(query) > MAX_QUERY_LENGTH:
        return MalformedParameter("query")
    required = (signature_name, *REQUIRED_PARAMETERS[method])
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
    if shape is None and value is not None:
        find_shape = SHAPE_FINDERS.get(name)
        shape = find_shape(value) if find_shape else None
    return f"{name} {shape}" if shape else name


def parse_marks(request: Request, values: Parameters, forwarded_proto: str) -> Mark:
    scheme = forwarded_proto.rpartition(",")[2].strip() or request.scheme
    is_encrypted = values.get("encrypt_type") == [b"aes"]
    has_msg_signature = "msg_signature" in values and (is_encrypted or "signature" not in values)
    return combine_marks(
        Mark.HTTPS if scheme == "https" else NO_MARK,
        Mark.HTTP_1_0 if request.http_version == "1.0" else NO_MARK,
        Mark.MSG_SIGNATURE if has_msg_signature else NO_MARK,
        Mark.ENCRYPTED if is_encrypted else NO_MARK,
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
