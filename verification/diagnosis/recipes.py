"""Computes signatures as scripts do that do not follow WeChat's rules.

WeChat joins the token, the timestamp and the nonce, sorted as text, and hashes them with SHA-1.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from enum import Enum, auto
from functools import partial
from itertools import permutations
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.diagnosis.other_parts import (
    MAX_TIMESTAMP,
    near_timestamps,
    other_nonces,
    other_timestamps,
)

SEPARATORS = [b",", b", ", b"&", b" ", b"\n", b"+", b"|", b":", b"-", b"_", b"."]
#: The orders of token (0), timestamp (1) and nonce (2), the likeliest first.
ORDERS = [(0, 1, 2), (1, 2, 0), (1, 0, 2), (0, 2, 1), (2, 1, 0), (2, 0, 1)]
SIGNATURE_LENGTH = 20


#: Returns the text that is hashed, from the token.
Join = Callable[[bytes], bytes]


class Deviation(Enum):
    """In what a signature was made otherwise than WeChat makes it."""

    NOT_SORTED = auto()
    SORTED_AS_NUMBERS = auto()
    SEPARATOR = auto()
    ECHOSTR = auto()
    HMAC = auto()
    OTHER_TIMESTAMP = auto()
    OTHER_SECOND = auto()
    OTHER_NONCE = auto()
    PART_LEFT_OUT = auto()
    OTHER_DIGEST = auto()
    OTHER_ENCODING = auto()
    MORE_PARTS = auto()


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


class Parts(NamedTuple):
    """Holds what an attempt recorded of the parts that are signed besides the token."""

    timestamp: bytes
    nonce: bytes
    echostr: bytes
    more: tuple[bytes, ...] = ()  #: what else the sender knows, such as the AppID and the path


def _sorted(*others: bytes, separator: bytes = b"", end: bytes = b"") -> Join:
    return lambda token: separator.join(sorted((token, *others))) + end


def _in_order(
    others: tuple[bytes, ...], order: tuple[int, ...], separator: bytes = b"", end: bytes = b""
) -> Join:
    """Return how to join token and others in this order, in which 0 stands for the token."""
    return lambda token: separator.join([(token, *others)[place] for place in order]) + end


def _deviation_of(order: tuple[int, ...], parts: Parts) -> Deviation:
    """Return whether timestamp and nonce are sorted as numbers, as PHP's sort() does by default.

    The place of the token is not looked at, not even of one that consists of digits.
    """
    timestamp, nonce = parts[:2]
    if not (timestamp.isdigit() and nonce.isdigit()):
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
    for order in ORDERS:
        yield Recipe(_deviation_of(order, parts), _in_order((timestamp, nonce), order))
    if echostr:
        yield Recipe(Deviation.ECHOSTR, _sorted(timestamp, nonce, echostr))
    yield Recipe(Deviation.SEPARATOR, _sorted(timestamp, nonce, separator=b","))
    for message in dict.fromkeys((timestamp + nonce, nonce + timestamp)):
        yield Recipe(Deviation.HMAC, _always(message), is_hmac=True)


def rare_recipes(parts: Parts) -> Iterator[Recipe]:
    """Yield the other known ways."""
    yield from _with_echostr(parts)
    yield from _with_other_parts(parts)
    yield from _with_separators(parts)
    yield from _with_more_parts(parts)
    yield from _with_hmac(parts)
    yield from _with_other_digests(parts)


def _with_echostr(parts: Parts) -> Iterator[Recipe]:
    if not parts.echostr:
        return
    timestamp, nonce, echostr = three = parts[:3]
    for order in permutations(range(4)):
        yield Recipe(Deviation.ECHOSTR, _in_order(three, order))
    yield Recipe(Deviation.ECHOSTR, _sorted(*three, separator=b","))
    yield Recipe(Deviation.ECHOSTR, _sorted(timestamp, nonce, end=echostr))
    for some in ((timestamp, echostr), (nonce, echostr), (echostr,)):
        yield Recipe(Deviation.ECHOSTR, _sorted(*some))


def _with_other_parts(parts: Parts) -> Iterator[Recipe]:
    timestamp, nonce = parts[:2]
    for other in near_timestamps(timestamp):
        yield Recipe(Deviation.OTHER_SECOND, _sorted(other, nonce))
    for other in other_timestamps(timestamp):
        yield Recipe(Deviation.OTHER_TIMESTAMP, _sorted(other, nonce))
    for other in other_nonces(nonce):
        yield Recipe(Deviation.OTHER_NONCE, _sorted(timestamp, other))
    for some in ((), (timestamp,), (nonce,)):
        for order in permutations(range(1 + len(some))):
            yield Recipe(Deviation.PART_LEFT_OUT, _in_order(some, order))


def millisecond_recipes(parts: Parts) -> Iterator[Recipe]:
    """Yield a thousand ways: the milliseconds of a clock were signed, and its seconds sent."""
    timestamp, nonce = parts[:2]
    if timestamp.isdigit() and len(timestamp) <= MAX_TIMESTAMP:
        for milliseconds in range(1, 1000):
            other = b"%b%03d" % (timestamp, milliseconds)
            yield Recipe(Deviation.OTHER_TIMESTAMP, _sorted(other, nonce))


def _with_separators(parts: Parts) -> Iterator[Recipe]:
    others = parts[:2]
    for separator in SEPARATORS:
        for order in permutations(range(3)):
            yield Recipe(Deviation.SEPARATOR, _in_order(others, order, separator))
    for order in permutations(range(3)):
        for separator in (b"&", b"", b"\n"):
            yield Recipe(Deviation.SEPARATOR, _as_pairs(others, order, separator))
        yield Recipe(Deviation.SEPARATOR, _as_pairs(others, order, b"&", b"key"))
        yield Recipe(Deviation.SEPARATOR, _in_order(others, order, end=b"\n"))
    for end in (b"\n", b"\r\n", b" ", b","):
        yield Recipe(Deviation.SEPARATOR, _sorted(*others, end=end))
        for order in permutations(range(3)):
            yield Recipe(Deviation.SEPARATOR, _in_order(others, order, separator=end, end=end))
    for write in (repr, json.dumps, partial(json.dumps, separators=(",", ":"))):
        yield Recipe(Deviation.SEPARATOR, _written(write, others))


def _written(write: Callable[[list[str]], str], others: tuple[bytes, ...]) -> Join:
    """Return how to write the list as a programming language does."""
    return lambda token: write([part.decode() for part in sorted((token, *others))]).encode()


def _with_more_parts(parts: Parts) -> Iterator[Recipe]:
    others = parts[:2]
    for more in (*parts.more, b"GET", b"POST", b"/"):
        yield Recipe(Deviation.MORE_PARTS, _sorted(*others, more))
        yield Recipe(Deviation.MORE_PARTS, _sorted(*others, end=more))
        yield Recipe(Deviation.MORE_PARTS, _before(more, _sorted(*others)))


def _before(text: bytes, join: Join) -> Join:
    return lambda token: text + join(token)


def _as_pairs(
    others: tuple[bytes, ...], order: tuple[int, ...], separator: bytes, name: bytes = b"token"
) -> Join:
    names = (name, b"timestamp", b"nonce")
    return lambda token: separator.join(
        [names[place] + b"=" + (token, *others)[place] for place in order]
    )


def _with_hmac(parts: Parts) -> Iterator[Recipe]:
    for some in permutations(parts[:2]):
        for separator in SEPARATORS:
            yield Recipe(Deviation.HMAC, _always(separator.join(some)), is_hmac=True)
        yield Recipe(Deviation.HMAC, _always(b"".join(some)), "sha256", is_hmac=True)
        yield Recipe(Deviation.HMAC, _sorted(), is_hmac=True, key=b"".join(some))
    for one in parts[:3]:
        yield Recipe(Deviation.HMAC, _always(one), is_hmac=True)


def _with_other_digests(parts: Parts) -> Iterator[Recipe]:
    others = parts[:2]
    correct = _sorted(*others)
    orders = [_in_order(others, order) for order in permutations(range(3))]
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
    for encoding in ("utf-16-le", "utf-16", "utf-32-le"):
        yield Recipe(Deviation.OTHER_ENCODING, _encoded(correct, encoding))


def _encoded(join: Join, encoding: str) -> Join:
    return lambda token: join(token).decode().encode(encoding)


#: What was otherwise, as it follows “but”.
DESCRIPTIONS = {
    Deviation.NOT_SORTED: gettext_lazy("with the parts in another order than WeChat's"),
    Deviation.SORTED_AS_NUMBERS: gettext_lazy(
        "with the parts sorted as numbers or from the last to the first, not as text"
    ),
    Deviation.SEPARATOR: gettext_lazy(
        "with a separator, a line break or names between or after the parts"
    ),
    Deviation.ECHOSTR: gettext_lazy("with the echostr hashed as well, as only WeCom does"),
    Deviation.HMAC: gettext_lazy("with HMAC in place of a plain SHA-1"),
    Deviation.OTHER_TIMESTAMP: gettext_lazy(
        "with the timestamp in another unit or form than it was sent, such as milliseconds"
    ),
    Deviation.OTHER_SECOND: gettext_lazy("with the timestamp of another second than it was sent"),
    Deviation.OTHER_NONCE: gettext_lazy(
        "with another nonce than the one that arrived: it was cut, lengthened or encoded"
    ),
    Deviation.PART_LEFT_OUT: gettext_lazy("without the timestamp or the nonce"),
    Deviation.OTHER_DIGEST: gettext_lazy("with another hash function than SHA-1, or hashed twice"),
    Deviation.OTHER_ENCODING: gettext_lazy("with another encoding of the text than UTF-8"),
    Deviation.MORE_PARTS: gettext_lazy(
        "with more parts than token, timestamp and nonce, such as the AppID"
    ),
}


def describe_deviation(deviation: Deviation) -> str:
    return str(DESCRIPTIONS[deviation])


def fix_deviation(deviation: Deviation) -> str:
    """Return what to change in the script."""
    if deviation is Deviation.OTHER_TIMESTAMP:
        return _("Sign the same timestamp that you send, in seconds.")
    if deviation is Deviation.OTHER_SECOND:
        return _("Read the clock once for each request: sign the same timestamp that you send.")
    if deviation in {Deviation.NOT_SORTED, Deviation.SORTED_AS_NUMBERS}:
        return _(
            "Sort token, timestamp and nonce as text, byte by byte: in a shell by LC_ALL=C sort, "
            "in PHP by SORT_STRING. Join them with nothing between."
        )
    if deviation is Deviation.OTHER_NONCE:
        return _(
            "Sign the plain nonce, percent-encode it only in the URL, and see that nothing changes "
            "the URL after."
        )
    if deviation is Deviation.ECHOSTR:
        return _("Leave the echostr out of the signature.")
    return _(
        "Sort token, timestamp and nonce as text, join them with nothing between, and hash them "
        "with SHA-1, in UTF-8."
    )
