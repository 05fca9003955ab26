"""Makes the texts of two mistakes at once."""

from __future__ import annotations

from collections.abc import Iterator

from verification.diagnosis.rare_slips import recased_at, swapped
from verification.diagnosis.slips import (
    LABELS,
    LOOK_ALIKES,
    MIN_KNOWN,
    STRAY,
    Slip,
    Variants,
    likely_variants,
    look_alikes,
    quoted,
)

#: The rows of a keyboard. Neighbours in a row are mistaken for each other.
KEY_ROWS = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"]
NEIGHBOURS = {
    ord(key): (row[at - 1 : at] if at else "") + row[at + 1 : at + 2]
    for low in KEY_ROWS
    for row in {low, low.upper()}
    for at, key in enumerate(row)
}


def double_variants(text: str) -> Iterator[Variants]:
    """Yield two mistakes at once: in the token and around it, or both around it.

    Two mistakes in the token would need `whole` to be the mistaken text before it was cut.
    """
    for first in likely_variants(text):
        if first.slips[0] in {Slip.PUNCTUATION, Slip.INVISIBLE, Slip.TAB}:
            continue
        has_text_around = first.slips[0] in {*STRAY, Slip.LABEL}
        for form in first.texts:
            for second in _around(form.decode(), has_text_around=has_text_around):
                if first.slips != second.slips:
                    yield second._replace(slips=first.slips + second.slips, whole=first.whole)


def _around(text: str, *, has_text_around: bool) -> Iterator[Variants]:
    """Yield what may stand around a text that already has a mistake."""
    raw = text.encode()
    for slip, stray in ((Slip.SPACE, b" "), (Slip.LINE_BREAK, b"\n"), (Slip.LINE_BREAK, b"\r\n")):
        yield Variants((slip,), [raw + stray, stray + raw])
    yield Variants((Slip.BOM,), [b"\xef\xbb\xbf" + raw])
    yield Variants((Slip.PUNCTUATION,), [raw + b",", raw + b";"])
    if not has_text_around:
        yield Variants((Slip.QUOTES,), quoted(text))
        yield Variants((Slip.LABEL,), [f"{label}{text}".encode() for label in LABELS])


def typed_variants(text: str) -> Iterator[Variants]:
    """Yield two mistakes of somebody who types a token, or hears it on the telephone.

    Texts that one mistake makes as well are left out: `whole` would be wrong for them.
    """
    raw = text.encode()
    if len(raw) <= MIN_KNOWN:
        return
    single = {slip: {*texts} for slip, texts in _typed(raw)}
    single[Slip.INCOMPLETE] = {*_without_one(raw)}
    once = {raw}.union(*single.values())
    for first, changed in single.items():
        if first is Slip.INCOMPLETE:
            continue
        for form in changed:
            if first is not Slip.LETTER_WRONG:
                missing = [text for text in _without_one(form) if text not in once]
                yield Variants((first, Slip.INCOMPLETE), missing, form)
            for second, texts in _typed(form):
                if second.value > first.value:
                    yield Variants((first, second), [text for text in texts if text not in once])


def _typed(raw: bytes) -> Iterator[tuple[Slip, list[bytes]]]:
    """Yield the mistakes in typing that leave a token as long as it is."""
    yield Slip.CASE, recased_at(raw, 1)
    yield Slip.LOOK_ALIKE, look_alikes(raw.decode(), LOOK_ALIKES[:2])
    yield Slip.SWAPPED, swapped(raw)
    yield (
        Slip.LETTER_WRONG,
        [
            raw[:at] + key.encode() + raw[at + 1 :]
            for at, letter in enumerate(raw)
            for key in NEIGHBOURS.get(letter, "")
        ],
    )


def _without_one(raw: bytes) -> list[bytes]:
    return [raw[:at] + raw[at + 1 :] for at in range(len(raw))]
