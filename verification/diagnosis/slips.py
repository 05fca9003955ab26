"""Makes the texts that people type or paste when they mean a stored value, by kind of mistake.

A slip may only be one that whoever tests a guess with it must know nearly the whole token: auditors
read explanations, and anyone can send a request. verification/tests/diagnosis/test_guesses.py
computes what guesses can learn.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum, auto
from typing import NamedTuple

from django.utils.translation import gettext_lazy

#: A slip that drops or changes characters leaves at least so many of them, and half of the token.
MIN_KNOWN = 8
#: The longest token that WeChat's console takes; it cuts off the rest.
MAX_LENGTH = 32
#: The nonces of WeChat have more digits.
SHORTEST_NONCE = 5
LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
#: Characters that look alike in one font or another.
LOOK_ALIKES = ["O0o", "l1I", "Z2", "S5", "B8", "G6", "gq9"]
#: Maps lower-case letters to the digits they look like.
FOLDED = bytes.maketrans(b"oil", b"011")


class Slip(Enum):
    """A kind of mistake. A description names neither the character nor its place."""

    SPACE = auto()
    LINE_BREAK = auto()
    TAB = auto()
    BOM = auto()
    INVISIBLE = auto()
    QUOTES = auto()
    LABEL = auto()
    PUNCTUATION = auto()
    INCOMPLETE = auto()
    DOUBLED = auto()
    CASE = auto()
    FULL_WIDTH = auto()
    LOOK_ALIKE = auto()
    FOREIGN_LETTER = auto()
    SWAPPED = auto()
    LETTER_ADDED = auto()
    LETTER_WRONG = auto()
    DIGITS_WRONG = auto()
    ENCODED = auto()
    ZEROS = auto()
    TWO_VALUES = auto()


class Variants(NamedTuple):
    """Holds the texts that one kind of mistake makes of a value.

    `whole` is the text before characters were dropped or added at its ends. Someone who has a valid
    URL can move characters between nonce and token, so that a guessed one completes the token.
    Such a request contains `whole`, and must not be explained by this slip.
    """

    slips: tuple[Slip, ...]
    texts: list[bytes]
    whole: bytes = b""
    is_longer: bool = False  #: every text contains `whole`, with something before or after it

    def is_completed_by(self, text: bytes, signed: bytes) -> bool:
        """Return whether what was signed beside the text may belong to a valid URL.

        Then the last character before a part of the token, or the first one after it, is the one
        that the part lacks: somebody may have guessed it. The URL may be that of a token in other
        case or with look-alikes.
        """
        whole, text, signed = _folded(self.whole), _folded(text), _folded(signed)
        size = len(text)
        if self.is_longer:
            sides = signed.split(whole, 1)
            return all(not side or len(side) >= SHORTEST_NONCE for side in sides)
        longer = [whole]
        longer += [whole[-size - 1 :]] if whole.endswith(text) else []
        longer += [whole[: size + 1]] if whole.startswith(text) else []
        return bool(whole) and any(part in signed for part in longer)


def _folded(text: bytes) -> bytes:
    """Return the text with the same character for those of other case, and that look alike."""
    return text.lower().translate(FOLDED)


#: The characters that files, shells, chats and web pages leave around a value.
STRAY = {
    Slip.SPACE: [" ", "  ", "\u00a0", "\u3000", "%20", "&nbsp;"],
    Slip.LINE_BREAK: ["\n", "\n\n", "\r\n", "\r", "\\n", "\\r\\n", "%0A", "%0a", "%0D%0A", "<br>"],
    Slip.TAB: ["\t", "\\t"],
    Slip.BOM: ["\ufeff"],
    Slip.INVISIBLE: ["\u200b", "\u200c", "\u200d", "\u2060", "\u00ad", "\0"],
    Slip.PUNCTUATION: [",", ";", ".", "。", "，", "；", "=", ":", "!", "'", '"', "\\"],
}
PAIRS = ['""', "''", "“”", "‘’", "「」", "``", "()", "（）", "[]", "【】", "<>", "{}"]
MARKUP = [
    *(("**", "**"), ("*", "*"), ("__", "__"), ("_", "_"), ("<b>", "</b>"), ("<p>", "</p>")),
    *(("<code>", "</code>"), ("<td>", "</td>"), ("b'", "'"), ('\\"', '\\"')),
]
LABELS = [
    *("Token: ", "Token:", "Token：", "token: ", "token:", "token=", "TOKEN=", "Token "),
    *(
        "令牌：",
        "令牌:",
        "令牌: ",
        "令牌(Token)：",
        "令牌(Token):",
        "令牌(Token)",
        "令牌（Token）：",
    ),
    *("WECHAT_TOKEN=", "WX_TOKEN=", '"token":"', "Bearer ", "key=", "token是", "token为"),
    *(
        "- ",
        "* ",
        "1. ",
        "> ",
        "# ",
        "密码：",
        "密码:",
        "密钥：",
        "密钥:",
        "口令：",
        "新令牌：",
        "password: ",
        "password:",
    ),
]


def likeliest_variants(text: str) -> Iterator[Variants]:
    """Yield so few mistakes that they can be tried with every token of every account."""
    raw = text.encode()
    yield Variants((Slip.LINE_BREAK,), [raw + b"\n", raw + b"\r\n"])
    yield Variants((Slip.SPACE,), [raw + b" ", b" " + raw])
    yield Variants((Slip.QUOTES,), [b'"%b"' % raw, b"'%b'" % raw])
    yield Variants((Slip.CASE,), [text.lower().encode(), text.upper().encode()])
    if len(raw) > MIN_KNOWN:
        yield Variants((Slip.INCOMPLETE,), [raw[:-1], raw[1:]], raw)


def likely_variants(text: str) -> Iterator[Variants]:
    """Yield likely mistakes, about a hundred."""
    raw = text.encode()
    for slip, characters in STRAY.items():
        strays = [character.encode() for character in characters]
        texts = [form for stray in strays for form in (raw + stray, stray + raw)]
        yield Variants((slip,), [*texts, strays[0] + raw + strays[0]])
    yield Variants((Slip.QUOTES,), quoted(text))
    yield Variants((Slip.LABEL,), [f"{label}{text}".encode() for label in LABELS])
    cut = [(raw + raw)[:MAX_LENGTH]] if len(raw) < MAX_LENGTH < 2 * len(raw) else []
    yield Variants((Slip.DOUBLED,), [raw + raw, *cut, raw * 3])
    yield Variants((Slip.CASE,), _recased(text))
    yield Variants((Slip.FULL_WIDTH,), _widened(text))
    if len(text) > MIN_KNOWN:
        parts = [text[:-1], text[1:], *([text[:MAX_LENGTH]] if len(text) > MAX_LENGTH else [])]
        yield Variants((Slip.INCOMPLETE,), [part.encode() for part in parts], raw)
        yield Variants((Slip.LOOK_ALIKE,), look_alikes(text, LOOK_ALIKES[:2]))


def quoted(text: str) -> list[bytes]:
    pairs = [*((pair[0], pair[1]) for pair in PAIRS), *MARKUP]
    return [f"{before}{text}{after}".encode() for before, after in pairs]


def _widened(text: str) -> list[bytes]:
    """Return the text in full-width characters: all of them, the digits, or the letters."""
    digits, letters = range(0x30, 0x3A), [*range(0x41, 0x5B), *range(0x61, 0x7B)]
    some = (range(0x21, 0x7F), digits, letters)
    forms = {text.translate({code: code + 0xFEE0 for code in codes}) for codes in some} - {text}
    return [form.encode() for form in forms]


def _recased(text: str) -> list[bytes]:
    forms = {text.lower(), text.upper(), text.swapcase(), text.capitalize(), text.title()} - {text}
    return [form.encode() for form in forms]


def look_alikes(text: str, groups: list[str]) -> list[bytes]:
    """Return the text with one character, or all of a kind, replaced by one that looks alike."""
    raw, found = text.encode(), []
    for group in groups:
        for wrong in group:
            others = group.replace(wrong, "")
            everywhere = text.translate(dict.fromkeys(map(ord, others), wrong))
            if everywhere != text:
                found.append(everywhere.encode())
            found += [
                raw[:place] + wrong.encode() + raw[place + 1 :]
                for place, letter in enumerate(text)
                if letter in others
            ]
    return found


#: The mistakes, as they follow “but”.
DESCRIPTIONS = {
    Slip.SPACE: gettext_lazy("with a space before, after or in it"),
    Slip.LINE_BREAK: gettext_lazy("with a line break in it or beside it"),
    Slip.TAB: gettext_lazy("with a tab before or after it"),
    Slip.BOM: gettext_lazy("with a byte order mark (BOM) before or after it"),
    Slip.INVISIBLE: gettext_lazy("with an invisible character before, after or in it"),
    Slip.QUOTES: gettext_lazy("in quotation marks, brackets or markup"),
    Slip.LABEL: gettext_lazy("with its label copied along, such as “Token:”"),
    Slip.PUNCTUATION: gettext_lazy("with a punctuation mark before, after or in it"),
    Slip.INCOMPLETE: gettext_lazy("with characters missing"),
    Slip.DOUBLED: gettext_lazy("pasted more than once"),
    Slip.CASE: gettext_lazy("with upper and lower case mixed up"),
    Slip.FULL_WIDTH: gettext_lazy("in full-width characters"),
    Slip.LOOK_ALIKE: gettext_lazy("with characters mixed up that look alike, such as O and 0"),
    Slip.FOREIGN_LETTER: gettext_lazy(
        "with characters of another alphabet that look alike, such as Cyrillic letters or the "
        "ligature ﬁ"
    ),
    Slip.SWAPPED: gettext_lazy("with two characters in the wrong order"),
    Slip.LETTER_ADDED: gettext_lazy("with one character too many"),
    Slip.LETTER_WRONG: gettext_lazy("with one wrong character"),
    Slip.DIGITS_WRONG: gettext_lazy("with two wrong digits"),
    Slip.ENCODED: gettext_lazy("encoded or hashed, as in base64"),
    Slip.ZEROS: gettext_lazy("with its last digits turned into zeros, as spreadsheets do"),
    Slip.TWO_VALUES: gettext_lazy("with another value before or after it, such as the AppID"),
}


def describe_slip(slip: Slip) -> str:
    return str(DESCRIPTIONS[slip])
