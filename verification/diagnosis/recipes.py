"""Computes signatures as scripts do that do not follow WeChat's rules.

WeChat joins the token, the timestamp and the nonce, sorted as text, and hashes them with SHA-1.
WeCom joins the encrypted echostr as well.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations
from typing import NamedTuple

from verification.diagnosis.deviations import Deviation
from verification.diagnosis.other_parts import (
    MAX_TIMESTAMP,
    near_timestamps,
    other_echostrs,
    other_nonces,
    other_timestamps,
)
from verification.diagnosis.parts import ORDERS, Parts

SEPARATORS = [b",", b", ", b"&", b" ", b"\n", b"+", b"|", b":", b"-", b"_", b"."]
#: So many seconds before and after a timestamp another one may have been signed.
MINUTES = 300
#: What is hashed around the joined parts: line breaks, what sh's echo makes of -n, quotation marks.
AROUND = [
    *((b"", b"\n"), (b"", b"\r\n"), (b"", b" "), (b"", b","), (b"-n ", b"\n"), (b"-e ", b"\n")),
    *((b"-n ", b""), (b'"', b'"'), (b"'", b"'"), (b"b'", b"'"), (b'"', b'"\n'), (b"'", b"'\n")),
]
#: The characters of a shorter token might be guessed, in whatever order.
SHORTEST_SORTED = 12
SIGNATURE_LENGTH = 20


#: Returns the text that is hashed, from the token.
Join = Callable[[bytes], bytes]


class Recipe(NamedTuple):
    """A way to compute a signature from a token."""

    deviation: Deviation
    join: Join
    digest: str = "sha1"
    is_hmac: bool = False
    key: bytes = b""  #: of HMAC; by default, the token is the key
    rounds: int = 1

    def sign(self, token: bytes) -> bytes:
        text = self.join(token)
        if self.is_hmac:
            return hmac.digest(self.key or token, text, self.digest)[:SIGNATURE_LENGTH]
        if self.digest == "sha1" and self.rounds == 1:
            return hashlib.sha1(text, usedforsecurity=False).digest()
        for _round in range(1, self.rounds):
            text = hashlib.new(self.digest, text, usedforsecurity=False).hexdigest().encode()
        return hashlib.new(self.digest, text, usedforsecurity=False).digest()[:SIGNATURE_LENGTH]


def _sorted(*others: bytes, separator: bytes = b"", end: bytes = b"") -> Join:
    return lambda token: separator.join(sorted((token, *others))) + end


def _in_order(
    others: tuple[bytes, ...], order: tuple[int, ...], separator: bytes = b"", end: bytes = b""
) -> Join:
    """Return how to join token and others in this order, in which 0 stands for the token."""
    return lambda token: separator.join([(token, *others)[place] for place in order]) + end


def _with_characters_sorted(*others: bytes) -> Join:
    """Return how to sort the single characters. A shorter token is joined as WeChat does."""

    def join(token: bytes) -> bytes:
        joined = b"".join(sorted((token, *others)))
        return bytes(sorted(joined)) if len(token) >= SHORTEST_SORTED else joined

    return join


def _deviation_of(order: tuple[int, ...], parts: Parts) -> Deviation:
    """Return whether timestamp and nonce are sorted as numbers, as PHP's sort() does by default.

    The place of the token is not looked at, not even of one that consists of digits.
    """
    timestamp, nonce = parts[:2]
    if parts.is_wecom or not (timestamp.isdigit() and nonce.isdigit()):
        return Deviation.NOT_SORTED
    is_early = order.index(1) < order.index(2)
    as_text, as_numbers = timestamp < nonce, int(timestamp) < int(nonce)
    is_numeric = is_early == as_numbers != as_text
    return Deviation.SORTED_AS_NUMBERS if is_numeric else Deviation.NOT_SORTED


def _always(text: bytes) -> Join:
    return lambda _token: text


def likely_recipes(parts: Parts) -> Iterator[Recipe]:
    """Yield the likeliest ways, few enough to try them with every token."""
    timestamp, nonce, echostr = parts[:3]
    if parts.is_wecom:
        yield Recipe(Deviation.WITHOUT_ECHOSTR, _sorted(timestamp, nonce))
    for order in parts.orders:
        yield Recipe(_deviation_of(order, parts), _in_order(parts.signed, order))
    if echostr and not parts.is_wecom:
        yield Recipe(Deviation.ECHOSTR, _sorted(timestamp, nonce, echostr))
    yield Recipe(Deviation.SEPARATOR, _sorted(*parts.signed, separator=b","))
    for message in dict.fromkeys((timestamp + nonce, nonce + timestamp)):
        yield Recipe(Deviation.HMAC, _always(message), is_hmac=True)


def rare_recipes(parts: Parts) -> Iterator[Recipe]:
    """Yield the other known ways."""
    yield from _with_echostr(parts)
    yield from _with_other_parts(parts)
    yield from joining_recipes(parts)
    yield Recipe(Deviation.SORTED_CHARACTERS, _with_characters_sorted(*parts.signed))
    yield from _with_more_parts(parts)
    yield from _with_hmac(parts)
    yield from _with_other_digests(parts)


def _with_echostr(parts: Parts) -> Iterator[Recipe]:
    if not parts.echostr:
        return
    timestamp, nonce, echostr = three = parts[:3]
    if parts.is_wecom:
        for order in ORDERS:
            yield Recipe(Deviation.WITHOUT_ECHOSTR, _in_order((timestamp, nonce), order))
        for other in other_echostrs(echostr):
            yield Recipe(Deviation.OTHER_ECHOSTR, _sorted(timestamp, nonce, other))
        return
    for order in permutations(range(4)):
        yield Recipe(Deviation.ECHOSTR, _in_order(three, order))
    yield Recipe(Deviation.ECHOSTR, _sorted(*three, separator=b","))
    yield Recipe(Deviation.ECHOSTR, _sorted(timestamp, nonce, end=echostr))
    for some in ((timestamp, echostr), (nonce, echostr), (echostr,)):
        yield Recipe(Deviation.ECHOSTR, _sorted(*some))


def _with_other_parts(parts: Parts) -> Iterator[Recipe]:
    timestamp, nonce, *rest = parts.signed
    for other in near_timestamps(timestamp):
        yield Recipe(Deviation.OTHER_SECOND, _sorted(other, nonce, *rest))
    for other in other_timestamps(timestamp):
        yield Recipe(Deviation.OTHER_TIMESTAMP, _sorted(other, nonce, *rest))
    for other in other_nonces(nonce):
        yield Recipe(Deviation.OTHER_NONCE, _sorted(timestamp, other, *rest))
    for some in ((), (timestamp,), (nonce,)):
        for order in permutations(range(1 + len(some))):
            yield Recipe(Deviation.PART_LEFT_OUT, _in_order(some, order))


def clock_recipes(parts: Parts) -> Iterator[Recipe]:
    """Yield the seconds of minutes around, and the milliseconds of the second that was sent."""
    timestamp, nonce, *rest = parts.signed
    for other in near_timestamps(timestamp, MINUTES):
        yield Recipe(Deviation.OTHER_SECOND, _sorted(other, nonce, *rest))
    if timestamp.isdigit() and len(timestamp) <= MAX_TIMESTAMP:
        for milliseconds in range(1, 1000):
            other = b"%b%03d" % (timestamp, milliseconds)
            yield Recipe(Deviation.OTHER_TIMESTAMP, _sorted(other, nonce, *rest))


def joining_recipes(parts: Parts) -> Iterator[Recipe]:
    """Yield the ways to join the right parts with something between them or around them."""
    others, orders = parts.signed, parts.orders
    for separator in SEPARATORS:
        yield Recipe(Deviation.SEPARATOR, _sorted(*others, separator=separator))
        for order in orders:
            yield Recipe(Deviation.SEPARATOR, _in_order(others, order, separator))
    if not parts.is_wecom:
        yield from _with_names(others)
    for end in (b"\n", b"\r\n", b" ", b","):
        for order in orders:
            yield Recipe(Deviation.SEPARATOR, _in_order(others, order, separator=end, end=end))
    for before, after in AROUND:
        for order in orders:
            yield Recipe(Deviation.SEPARATOR, _before(before, _in_order(others, order, end=after)))
        yield Recipe(Deviation.SEPARATOR, _before(before, _sorted(*others, end=after)))
    for write in WRITERS:
        yield Recipe(Deviation.SEPARATOR, _written(write, others))
    yield Recipe(Deviation.SEPARATOR, _written(write_in_go, others, is_sorted=False))


def _with_names(others: tuple[bytes, ...]) -> Iterator[Recipe]:
    """Yield the ways to join names and values, with the token as one of them or beside them."""
    for order in permutations(range(3)):
        for separator in (b"&", b"", b"\n"):
            yield Recipe(Deviation.SEPARATOR, _as_pairs(others, order, separator))
        yield Recipe(Deviation.SEPARATOR, _as_pairs(others, order, b"&", b"key"))
    for pairs in permutations([b"timestamp=" + others[0], b"nonce=" + others[1]]):
        for between in (b"", b"&"):
            joined = b"&".join(pairs) + between
            yield Recipe(Deviation.SEPARATOR, _before(joined, _sorted()))


def write_in_go(parts: list[str]) -> str:
    """Return the list as Go prints it, which Java does with commas."""
    return f"[{' '.join(parts)}]"


#: How programming languages print a list: Python, JavaScript and PHP, Go, Java, Python's tuple.
WRITERS: list[Callable[[list[str]], str]] = [
    repr,
    json.dumps,
    partial(json.dumps, separators=(",", ":")),
    write_in_go,
    lambda parts: f"[{', '.join(parts)}]",
    lambda parts: f"[{','.join(parts)}]",
    lambda parts: repr(tuple(parts)),
    lambda parts: repr([part.encode() for part in parts]),
]


def _written(
    write: Callable[[list[str]], str], others: tuple[bytes, ...], *, is_sorted: bool = True
) -> Join:
    """Return how to write the list as a programming language does."""
    order = sorted if is_sorted else list
    return lambda token: write([part.decode() for part in order((token, *others))]).encode()


def _with_more_parts(parts: Parts) -> Iterator[Recipe]:
    others = parts.signed
    for more in (*parts.more, b"GET", b"POST", b"/"):
        yield Recipe(Deviation.MORE_PARTS, _sorted(*others, more))
        yield Recipe(Deviation.MORE_PARTS, _sorted(*others, end=more))
        yield Recipe(Deviation.MORE_PARTS, _before(more, _sorted(*others)))


def _before(text: bytes, join: Join) -> Join:
    return lambda token: text + join(token)


def _as_pairs(
    others: tuple[bytes, ...], order: tuple[int, ...], separator: bytes, name: bytes = b"token"
) -> Join:
    names = (name, b"timestamp", b"nonce", b"echostr")
    return lambda token: separator.join(
        [names[place] + b"=" + (token, *others)[place] for place in order]
    )


def _with_hmac(parts: Parts) -> Iterator[Recipe]:
    for some in permutations(parts.signed):
        for separator in SEPARATORS:
            yield Recipe(Deviation.HMAC, _always(separator.join(some)), is_hmac=True)
        yield Recipe(Deviation.HMAC, _always(b"".join(some)), "sha256", is_hmac=True)
        yield Recipe(Deviation.HMAC, _sorted(), is_hmac=True, key=b"".join(some))
    for one in parts[:3]:
        yield Recipe(Deviation.HMAC, _always(one), is_hmac=True)


def _with_other_digests(parts: Parts) -> Iterator[Recipe]:
    others = parts.signed
    correct = _sorted(*others)
    orders = [_in_order(others, order) for order in parts.orders]
    for join in (
        correct,
        *orders,
        _sorted(*others, separator=b","),
        _as_pairs(others, (1, 2, 0), b"&"),
    ):
        yield Recipe(Deviation.HMAC, join, is_hmac=True)
        yield Recipe(Deviation.HMAC, join, "sha256", is_hmac=True)
        yield Recipe(Deviation.OTHER_DIGEST, join, "sha256")
        yield Recipe(Deviation.OTHER_DIGEST, join, "sha512")
        yield Recipe(Deviation.OTHER_DIGEST, join, rounds=2)
    for change in (_sha1, _md5_hex, b64encode, lambda text: _sha1(text).hex().upper().encode()):
        yield Recipe(Deviation.OTHER_DIGEST, _changed(correct, change))
    for encoding in ("utf-16-le", "utf-16", "utf-32-le"):
        yield Recipe(Deviation.OTHER_ENCODING, _encoded(correct, encoding))


def _encoded(join: Join, encoding: str) -> Join:
    return lambda token: join(token).decode().encode(encoding)


def _changed(join: Join, change: Callable[[bytes], bytes]) -> Join:
    return lambda token: change(join(token))


def _sha1(text: bytes) -> bytes:
    return hashlib.sha1(text, usedforsecurity=False).digest()


def _md5_hex(text: bytes) -> bytes:
    return hashlib.md5(text, usedforsecurity=False).hexdigest().encode()
