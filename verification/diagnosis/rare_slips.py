"""Makes the texts of rarer mistakes: at any place of a token, or with a value beside it."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from itertools import combinations, product

from verification.diagnosis.foreign_letters import with_foreign_letters
from verification.diagnosis.slips import (
    LETTERS,
    LOOK_ALIKES,
    MAX_LENGTH,
    MIN_KNOWN,
    Slip,
    Variants,
    likely_variants,
    look_alikes,
)

#: What stands inside a token that was wrapped, or copied from a page or document.
INSIDE = {
    Slip.SPACE: [b" "],
    Slip.LINE_BREAK: [b"\n", b"\r\n", b"\\n"],
    Slip.INVISIBLE: ["\u200b".encode(), "\u00ad".encode()],
    Slip.PUNCTUATION: [b"-", b"_", b"."],
}
#: The digits of a number that spreadsheets keep.
KEPT_DIGITS = 15
PRINTABLE = [bytes([code]) for code in range(0x21, 0x7F)]
#: What stands between two values that were copied together.
BETWEEN = ["", " ", "\n", "\r\n", ",", ":", "\uff1a", ": ", "/", "-", "_", "=", "\t", "|"]
#: Two digits are only told of a token that has so many characters, and not more digits.
MIN_WITH_DIGITS = 12
MAX_DIGITS = 8
#: A token with more words is not split at each of them.
MAX_WORDS = 6


def rare_variants(text: str) -> Iterator[Variants]:
    """Yield mistakes in a token, about two hundred. Tokens have ASCII characters only."""
    raw, length = text.encode(), len(text)
    yield Variants((Slip.CASE,), recased_at(raw, 1))
    if length <= MIN_KNOWN:
        return
    yield from incomplete_variants(text)
    yield Variants((Slip.LOOK_ALIKE,), look_alikes(text, LOOK_ALIKES))
    yield Variants((Slip.SWAPPED,), swapped(raw))
    if text.isdigit() and KEPT_DIGITS < length <= 2 * KEPT_DIGITS:
        zeros = raw[:KEPT_DIGITS].ljust(length, b"0")
        yield Variants((Slip.ZEROS,), [zeros] if zeros != raw else [])
    doubled = [raw[: at + 1] + raw[at:] for at in range(length)]
    yield Variants((Slip.LETTER_ADDED,), doubled, raw)


def thorough_variants(text: str) -> Iterator[Variants]:
    """Yield mistakes in a token that take thousands of texts."""
    raw, length = text.encode(), len(text)
    for slip, strays in INSIDE.items():
        places = product(strays, range(1, length))
        yield Variants((slip,), [raw[:at] + stray + raw[at:] for stray, at in places])
    for slip, stray in ((Slip.SPACE, b" "), (Slip.PUNCTUATION, b"-"), (Slip.PUNCTUATION, b"_")):
        yield Variants((slip,), [*_grouped(raw, stray), *_split_words(text, stray.decode())])
    yield Variants((Slip.ENCODED,), encoded(raw))
    yield Variants((Slip.CASE,), recased_at(raw, 2))
    yield Variants((Slip.LETTER_ADDED,), _lengthened(raw), raw, is_longer=True)
    wide = [f"{text[:at]}{chr(ord(text[at]) + 0xFEE0)}{text[at + 1 :]}" for at in range(length)]
    yield Variants((Slip.FULL_WIDTH,), [form.encode() for form in wide])
    yield Variants((Slip.FOREIGN_LETTER,), with_foreign_letters(text))
    once = look_alikes(text, LOOK_ALIKES[:2]) if length > MIN_KNOWN else []
    twice = {form for one in once for form in look_alikes(one.decode(), LOOK_ALIKES[:2])} - {raw}
    yield Variants((Slip.LOOK_ALIKE,), [*twice])
    letters = [LETTERS[at : at + 1] for at in range(len(LETTERS))]
    wrong = [
        raw[:at] + letter + raw[at + 1 :]
        for at in range(length if length > MIN_KNOWN else 0)
        for letter in letters
    ]
    yield Variants((Slip.LETTER_WRONG,), [form for form in wrong if form != raw])
    yield Variants((Slip.DIGITS_WRONG,), _with_two_other_digits(raw))


def swapped(raw: bytes) -> list[bytes]:
    """Return the token with two neighbouring characters in the wrong order."""
    forms = [raw[:at] + raw[at : at + 2][::-1] + raw[at + 2 :] for at in range(len(raw) - 1)]
    return [form for form in forms if form != raw]


def _with_two_other_digits(raw: bytes) -> list[bytes]:
    """Return a long token that has few digits, such as a year, with two other ones."""
    digits = [at for at in range(len(raw)) if raw[at : at + 1].isdigit()]
    if len(raw) < MIN_WITH_DIGITS or len(digits) > MAX_DIGITS:
        return []
    forms = []
    for places in combinations(digits, 2):
        for others in product(b"0123456789", repeat=2):
            form = bytearray(raw)
            for at, other in zip(places, others, strict=True):
                form[at] = other
            if all(form[at] != raw[at] for at in places):
                forms.append(bytes(form))
    return forms


def _grouped(raw: bytes, stray: bytes) -> list[bytes]:
    """Return the token in groups of equal length."""
    sizes = [size for size in (1, 2, 4, 5, 8) if size < len(raw)]
    return [stray.join(raw[at : at + size] for at in range(0, len(raw), size)) for size in sizes]


def _split_words(text: str, stray: str) -> list[bytes]:
    """Return the token with something between some of its words, as CityMall has two."""
    words = re.findall(r"[A-Z]*[a-z]*|\d+", text)
    words = [word for word in words if word]
    if not 1 < len(words) <= MAX_WORDS:
        return []
    forms = {
        "".join(word + gap for word, gap in zip(words, (*gaps, ""), strict=True))
        for gaps in product(("", stray), repeat=len(words) - 1)
    }
    return [form.encode() for form in forms - {text}]


def recased_at(raw: bytes, count: int) -> list[bytes]:
    """Return the token with so many of its letters in the other case."""
    letters = [at for at in range(len(raw)) if raw[at : at + 1].isalpha()]
    forms = []
    for places in combinations(letters, count):
        form = bytearray(raw)
        for at in places:
            form[at] ^= 0x20
        forms.append(bytes(form))
    return forms


def _lengthened(raw: bytes) -> list[bytes]:
    return [form for more in PRINTABLE for form in (raw + more, more + raw)]


def incomplete_variants(text: str) -> Iterator[Variants]:
    """Yield first and last parts of a token, and the token without up to four characters."""
    raw, length = text.encode(), len(text)
    if length <= MIN_KNOWN:
        return
    shortest = max(MIN_KNOWN, (length + 1) // 2)
    parts = [part for size in range(shortest, length - 1) for part in (raw[:size], raw[-size:])]
    without = [
        raw[:at] + raw[at + size :]
        for size in range(1, min(4, length - shortest) + 1)
        for at in range(length - size + 1)
    ]
    yield Variants((Slip.INCOMPLETE,), [*parts, *without], raw)


def name_variants(text: str) -> Iterator[Variants]:
    """Yield mistakes with an AppID, an original ID or another value that is no secret."""
    yield from likely_variants(text)
    bare = re.sub(r"[^0-9A-Za-z]", "", text)
    parts = {bare, bare.lower(), bare.upper(), text.removeprefix("wx"), text.removeprefix("gh_")}
    yield Variants((Slip.INCOMPLETE,), [part.encode() for part in parts - {text, ""}])


def encoded(raw: bytes) -> list[bytes]:
    """Return the text in base64 and hex, and its digests; with a line break, as echo adds it."""
    forms = []
    for text in (raw, raw + b"\n"):
        names = ("sha1", "md5", "sha256", "sha512")
        hexes = [
            text.hex(),
            *(hashlib.new(name, text, usedforsecurity=False).hexdigest() for name in names),
        ]
        plain = base64.b64encode(text)
        forms += [plain, plain.rstrip(b"="), plain + b"\n"]
        forms += [form.encode() for digits in hexes for form in (digits, digits.upper())]
    return [form for form in forms if form != raw]


def joined_variants(text: str, near: Iterable[str], others: Iterable[str]) -> Variants:
    """Return the token and another value, copied together or one after the other.

    Something may stand between it and the values `near`, which are those of its account. The
    console cuts off what is too long.
    """
    gaps = [(other, gap) for other in near for gap in BETWEEN] + [(other, "") for other in others]
    pairs = [pair for other, gap in gaps for pair in (f"{text}{gap}{other}", f"{other}{gap}{text}")]
    pairs += [f"{text}{pair[0]}{other}{pair[1]}" for other in near for pair in ("()", "（）")]
    forms = {form for pair in pairs for form in (pair, pair[:MAX_LENGTH]) if text in form}
    return Variants((Slip.TWO_VALUES,), [form.encode() for form in forms - {text}])
