"""Times as people compare them: by the clock, and always with their zone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.utils import timezone


def zoned(moment: datetime, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """2026-09-29 10:42:07 (UTC+8)"""
    local = timezone.localtime(moment)
    return f"{local.strftime(pattern)} ({name_zone(local.utcoffset() or timedelta())})"


def name_zone(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}{f':{rest:02}' if rest else ''}"


def moment_column(
    name: str, description: Any, pattern: str = "%Y-%m-%d %H:%M:%S"
) -> Callable[[Any, Any], str]:
    """A column for `list_display` and `fields` that shows the time in the attribute `name`."""

    @admin.display(description=description, ordering=name)
    def column(_: Any, row: Any) -> str:
        moment = getattr(row, name)
        return zoned(moment, pattern) if moment else "–"

    return column
