"""Times as columns of the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin

from verification.times import zoned

__all__ = ["moment_column", "zoned"]


def moment_column(
    name: str, description: Any, pattern: str = "%Y-%m-%d %H:%M:%S"
) -> Callable[[Any, Any], str]:
    """A column for `list_display` and `fields` that shows the time in the attribute `name`."""

    @admin.display(description=description, ordering=name)
    def column(_: Any, row: Any) -> str:
        moment = getattr(row, name)
        return zoned(moment, pattern) if moment else "–"

    return column
