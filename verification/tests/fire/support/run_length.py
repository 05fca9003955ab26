"""Chooses between the short form of a test, for script/test, and the long one, for script/fire."""

from __future__ import annotations

import os

LONG = os.environ.get("FIRE") == "long"


def short_or_long(short: int, long: int) -> int:
    return long if LONG else short
