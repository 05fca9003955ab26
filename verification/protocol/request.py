"""Hold an HTTP request as an adapter passes it on, and read its address and parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

# Any of these tells a callback at / from a person with a browser.
SIGNATURES = {"signature", "msg_signature"}
ROOT_PARAMETERS = {*SIGNATURES, "echostr"}
PARAMETERS = {
    name.encode(): name
    for name in (
        *("signature", "timestamp", "nonce", "echostr"),
        *("openid", "msg_signature", "encrypt_type"),
    )
}
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


def parameters(query: bytes) -> Parameters:
    """Return every value of each known parameter, percent-decoded.

    '+' is not decoded to a space, because no valid value contains a space, and an echostr may
    contain '+'. A query string over MAX_QUERY_LENGTH gives no values.
    """
    values: dict[str, list[bytes]] = {}
    for pair in query.split(b"&") if len(query) <= MAX_QUERY_LENGTH else ():
        raw_name, _, raw_value = pair.partition(b"=")
        name = PARAMETERS.get(unquote(raw_name))
        if name is not None:
            values.setdefault(name, []).append(unquote(raw_value))
    return values


def unquote(raw: bytes) -> bytes:
    return unquote_to_bytes(raw) if b"%" in raw else raw


def clean(raw: bytes, limit: int) -> str:
    """Return at most `limit` printable ASCII characters.

    Any other byte becomes '?'. A longer text is cut and ends with '~'.
    """
    text = raw[: limit + 1].translate(PRINTABLE).decode("ascii")
    return text if len(text) <= limit else text[: limit - 1] + "~"
