"""Name the shape of a query string, signature or echostr that is not as WeChat sends it.

The query string of a callback is not recorded. So the parser records which mistake it shows, from a
closed list, beside the name of the parameter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from urllib.parse import unquote_to_bytes

#: Bytes that are looked at: the requests of strangers must cost little, and WeChat's are shorter.
MAX_LENGTH = 1024
NAMES = rb"(?:msg_)?signature|timestamp|nonce|echostr"
EXACT_NAMES = {b"signature", b"timestamp", b"nonce", b"echostr", b"msg_signature"}
KNOWN_NAMES = {name.replace(b"_", b"") for name in EXACT_NAMES}
#: Other names under which scripts send the four parameters.
OTHER_NAMES = {b"sign", b"sig", b"sha1", b"ts", b"time", b"noncestr", b"echo"}


class Shape(StrEnum):
    """A recognizable mistake. It is recorded, so you can add members, but never rename them."""

    # Of a query string
    HTML_ENTITY = "html_entity"  #: &amp; in place of &
    TIMES_SIGN = "times_sign"  #: ×tamp in place of &timestamp
    SECOND_QUESTION_MARK = "second_question_mark"
    ENCODED = "encoded"  #: percent-encoded as a whole, or twice
    ESCAPED = "escaped"  #: a backslash before &, or \u0026
    OTHER_SEPARATOR = "other_separator"  #: ; or , in place of &
    JSON = "json"
    ARRAY = "array"  #: signature[]=
    PLACEHOLDER = "placeholder"  #: {signature}, undefined
    OTHER_NAME = "other_name"  #: Signature=, sign=
    QUOTED_PRINTABLE = "quoted_printable"  #: =3D in place of =
    MASKED = "masked"  #: [FILTERED], ***
    PUNCTUATION = "punctuation"  #: Chinese punctuation after a value
    REDIRECT = "redirect"  #: code and state of a web login, and none of WeChat's parameters
    UNREADABLE = "unreadable"  #: the names occur, but not as parameters
    # Of a signature
    SHA224 = "sha224"
    SHA256 = "sha256"
    SHA512 = "sha512"
    SHA384 = "sha384"
    MD5 = "md5"
    BASE64 = "base64"
    UPPER_CASE = "upper_case"
    SPACES = "spaces"  #: also of an echostr, in which a + has become one
    QUOTED = "quoted"  #: in quotation marks or brackets
    SURROUNDED = "surrounded"  #: by other text, such as sha1=
    TWICE = "twice"
    INCOMPLETE = "incomplete"
    ONE_SHORT = "one_short"  #: 39 digits
    EMPTY = "empty"


QUERY_SHAPES = [
    (Shape.HTML_ENTITY, re.compile(rb"&amp;|&#38;|%26amp%3[Bb]")),
    (Shape.TIMES_SIGN, re.compile(rb"(?:\xc3\x97|\xd7|%C3%97|%D7|&times;)tamp=", re.IGNORECASE)),
    (Shape.SECOND_QUESTION_MARK, re.compile(rb"^\?|(?:\?|%3[Ff])(?:" + NAMES + rb")=")),
    (Shape.ESCAPED, re.compile(rb"\\(?:u0026|&)|%5C(?:u0026|&|%26)", re.IGNORECASE)),
    (Shape.JSON, re.compile(rb'^(?:\{|%7B)\s*(?:"|%22)', re.IGNORECASE)),
    (Shape.ENCODED, re.compile(rb"(?:" + NAMES + rb")%3D|%25[0-9A-F]{2}", re.IGNORECASE)),
    (
        Shape.OTHER_SEPARATOR,
        re.compile(
            rb"(?:[;,|+]|%3B|%2C|%7C|%0A|%20|%EF%BC%86|\xef\xbc\x86)\s*(?:"
            + NAMES
            + rb")=|(?:\^|%5E)&",
            re.IGNORECASE,
        ),
    ),
    (
        Shape.QUOTED_PRINTABLE,
        re.compile(rb"(?:^|&)(?:(?:msg_)?signature|timestamp|nonce)=3D", re.IGNORECASE),
    ),
    (
        Shape.MASKED,
        re.compile(
            rb"(?:^|&)(?:" + NAMES + rb")=(?:[\[<({]|%5B|%3C|%28|%7B)*"
            rb"(?:(?:filtered|redacted|masked|hidden|removed|scrubbed)(?:[\]>)}]|%5D|%3E|%29|%7D)*"
            rb"(?:&|$)|[0-9A-Za-z]*(?:\*|%2A|\xe2\x80\xa2|%E2%80%A2){3})",
            re.IGNORECASE,
        ),
    ),
    (
        Shape.PUNCTUATION,
        re.compile(
            rb"(?:%E3%80%8[0-9A-F]|%EF%BC%(?:81|88|89|8C|8E|9A|9B|9F)|%E2%80%9[89CD]"
            rb"|\xe3\x80[\x80-\x8f]|\xef\xbc[\x81\x88\x89\x8c\x8e\x9a\x9b\x9f]|\xe2\x80[\x98\x99\x9c\x9d])(?:&|$)",
            re.IGNORECASE,
        ),
    ),
    (Shape.ARRAY, re.compile(rb"(?:" + NAMES + rb")(?:\[|%5B)", re.IGNORECASE)),
    (
        Shape.PLACEHOLDER,
        re.compile(
            rb"(?:^|&)(?:" + NAMES + rb")=(?:"
            rb"(?:\{+|(?:%7B)+|\$\{?|%24(?:%7B)?|<|%3C|\[|%5B|:)[a-z_ %]+(?:\}|%7D|>|%3E|\]|%5D)*"
            rb"|%s|undefined|null|none|nan|x{3,}|\.{3}|your[a-z_-]*)(?:&|$)",
            re.IGNORECASE,
        ),
    ),
]

#: A digest that ends before a character that is no hexadecimal digit.
DIGEST = re.compile(rb"[0-9a-f]{40}(?![0-9a-f])", re.IGNORECASE)
HEX = re.compile(rb"[0-9a-f]+", re.IGNORECASE)
BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{22,86}={0,2}")
#: The lengths of digests in base64, with and without padding: SHA-1, SHA-256, SHA-512, MD5.
BASE64_LENGTHS = {27, 28, 43, 44, 86, 88, 22, 24}
HEX_SHAPES = {
    32: Shape.MD5,
    56: Shape.SHA224,
    64: Shape.SHA256,
    96: Shape.SHA384,
    128: Shape.SHA512,
}
SPACES = re.compile(rb"[ \t\r\n]")
QUOTES = b"\"'`<>()[]{}"


def shape_of_query(query: bytes) -> Shape | None:
    """Return the first mistake that the raw query string shows."""
    if not query:
        return None
    query = query[:MAX_LENGTH]
    for shape, pattern in QUERY_SHAPES:
        if pattern.search(query):
            return shape
    names = [pair.partition(b"=")[0] for pair in query.split(b"&", 20)[:20]]
    if {b"code", b"state"} <= {*names} or {b"error", b"state"} <= {*names}:
        return Shape.REDIRECT
    if _has_other_name(names):
        return Shape.OTHER_NAME
    has_names = b"signature" in query and b"timestamp" in query
    return Shape.UNREADABLE if has_names and len(EXACT_NAMES & {*names}) < 2 else None


def _has_other_name(raw_names: Iterable[bytes]) -> bool:
    """Return whether a name is nearly that of a parameter: in other case, or with spaces."""
    for raw in raw_names:
        name = unquote_to_bytes(raw).lower().translate(None, b"_- +\t\r\n")
        if name in OTHER_NAMES or (name in KNOWN_NAMES and raw not in EXACT_NAMES):
            return True
    return False


def shape_of_signature(value: bytes) -> Shape | None:
    """Return the kind of digest that a malformed signature is, or what is around or in it."""
    if not value:
        return Shape.EMPTY
    value = value[:MAX_LENGTH]
    bare = value.strip(b" +\t\r\n")
    if len(value) > 40 and not HEX.fullmatch(value) and DIGEST.match(value):
        return Shape.SPACES if value[40:41] in b" +\t\r\n" else Shape.SURROUNDED
    if HEX.fullmatch(bare):
        return _shape_of_hex(bare, has_spaces=bare != value)
    if BASE64.fullmatch(value.replace(b" ", b"+")) and len(value) in BASE64_LENGTHS:
        return Shape.BASE64
    return _shape_of_text(value)


def shape_of_echostr(value: bytes) -> Shape | None:
    """Return what has become of WeCom's echostr, which is base64, if it can be seen."""
    return Shape.SPACES if SPACES.search(value[:MAX_LENGTH]) else None


def _shape_of_hex(digits: bytes, *, has_spaces: bool) -> Shape | None:
    if len(digits) in HEX_SHAPES:
        return HEX_SHAPES[len(digits)]
    if len(digits) == 40:
        return Shape.SPACES if has_spaces else Shape.UPPER_CASE
    if len(digits) < 40:
        return Shape.ONE_SHORT if len(digits) == 39 else Shape.INCOMPLETE
    return Shape.TWICE if digits[:40] == digits[40:] else None


def _shape_of_text(value: bytes) -> Shape | None:
    without_spaces = value.translate(None, b" +-:_.\t\r\n")
    if len(without_spaces) == 40 and HEX.fullmatch(without_spaces):
        return Shape.SPACES
    inner = value.removeprefix(b"b").translate(None, QUOTES)
    if inner != value.removeprefix(b"b") and HEX.fullmatch(inner):
        return Shape.QUOTED
    return Shape.SURROUNDED if DIGEST.search(value) else None
