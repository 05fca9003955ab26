"""What stops a benchmark: one sentence, what is wrong and what to do."""

from __future__ import annotations


class Trouble(Exception):
    """The numbers would mean nothing, or there can be none."""
