"""Lays out text for a terminal, where a Chinese character takes two columns."""

from __future__ import annotations

import re
from unicodedata import east_asian_width

# A line may end after each Chinese character, but its punctuation stays with it.
OPENING, CLOSING = "“‘（《【", "”’）》】，。；：、！？…"
PIECE = re.compile(rf"\s+|[{OPENING}]*(?:[\u3400-\u9fff]|[!-~]+|.)[{CLOSING}]*")


def columns_of(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def pad(text: str, columns: int) -> str:
    """Return the text with as many spaces after it as it lacks columns."""
    return text + " " * (columns - columns_of(text))


def wrap(text: str, columns: int) -> list[str]:
    """Return the text in lines of at most `columns` columns; a longer word has its own line."""
    lines = [""]
    for piece in PIECE.findall(" ".join(text.split())):
        if columns_of(lines[-1] + piece.rstrip()) > columns and lines[-1]:
            lines.append("")
        if lines[-1] or not piece.isspace():
            lines[-1] += piece
    return [line.rstrip() for line in lines if line]
