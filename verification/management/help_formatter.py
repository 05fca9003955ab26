"""Wraps the help of commands at the width of the terminal, in Chinese as well."""

from __future__ import annotations

import re
from unicodedata import east_asian_width

from django.core.management.base import DjangoHelpFormatter

# A line may end after each Chinese character, but its punctuation stays with it.
OPENING, CLOSING = "“‘（《【", "”’）》】，。；：、！？…"
PIECE = re.compile(rf"\s+|[{OPENING}]*(?:[\u3400-\u9fff]|[!-~]+|.)[{CLOSING}]*")


class HelpFormatter(DjangoHelpFormatter):
    """Django's formatter, which counts a Chinese character as two columns.

    argparse counts it as one and only breaks lines at spaces, so that Chinese lines become twice
    as wide as the terminal.
    """

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrap(text, width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in wrap(text, width - len(indent)))


def wrap(text: str, columns: int) -> list[str]:
    """Return the text in lines of at most `columns` columns; a longer word has its own line."""
    lines = [""]
    for piece in PIECE.findall(" ".join(text.split())):
        if columns_of(lines[-1] + piece.rstrip()) > columns and lines[-1]:
            lines.append("")
        if lines[-1] or not piece.isspace():
            lines[-1] += piece
    return [line.rstrip() for line in lines if line]


def columns_of(text: str) -> int:
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)
