"""Wraps the help of commands at the width of the terminal, in Chinese as well."""

from __future__ import annotations

from django.core.management.base import DjangoHelpFormatter

from verification.management.columns import wrap


class HelpFormatter(DjangoHelpFormatter):
    """Django's formatter, which counts a Chinese character as two columns.

    argparse counts it as one and only breaks lines at spaces, so that Chinese lines become twice
    as wide as the terminal.
    """

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrap(text, width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(indent + line for line in wrap(text, width - len(indent)))
