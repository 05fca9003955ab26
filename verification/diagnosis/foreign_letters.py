"""Makes the texts of a token with letters of other alphabets that look like Latin ones."""

from __future__ import annotations

from itertools import combinations

CYRILLIC = str.maketrans(
    "ABCEHIKMOPTXaceopxyi",
    "\u0410\u0412\u0421\u0415\u041d\u0406\u041a\u041c\u041e\u0420\u0422\u0425"
    "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0456",
)
GREEK = str.maketrans(
    "ABEHIKMNOPTXYZaiopuvy",
    "\u0391\u0392\u0395\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7\u03a5\u0396"
    "\u03b1\u03b9\u03bf\u03c1\u03c5\u03bd\u03b3",
)
#: So many different letters may be replaced, each everywhere.
MAX_LETTERS = 3
#: What fonts of documents draw as one character. The longest come first.
LIGATURES = {"ffi": "\ufb03", "ffl": "\ufb04", "ff": "\ufb00", "fi": "\ufb01", "fl": "\ufb02"}


def with_foreign_letters(text: str) -> list[bytes]:
    """Return the text with a stretch, or up to three letters, replaced, and with ligatures.

    A text has one token only: no two letters look like the same foreign one.
    """
    forms = set()
    for letters in (CYRILLIC, GREEK):
        foreign = text.translate(letters)
        places = [at for at in range(len(text)) if foreign[at] != text[at]]
        for first in places:
            forms |= {
                text[:first] + foreign[first : last + 1] + text[last + 1 :]
                for last in places
                if last >= first
            }
        forms |= {
            text.translate({ord(letter): letters[ord(letter)] for letter in some})
            for count in range(1, MAX_LETTERS + 1)
            for some in combinations(sorted({text[at] for at in places}), count)
        }
    joined = text
    for latin, ligature in LIGATURES.items():
        forms.add(text.replace(latin, ligature))
        forms.add(text.replace(latin, ligature, 1))
        joined = joined.replace(latin, ligature)
    return [form.encode() for form in {*forms, joined} - {text}]
