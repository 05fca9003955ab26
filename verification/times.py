"""Times as people compare them: by the clock of TIME_ZONE, in one spelling."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone


def zoned(moment: datetime, pattern: str = "%Y-%m-%d %H:%M:%S") -> str:
    """2026-09-29 10:42:07 (UTC+8)"""
    local = timezone.localtime(moment)
    return f"{local.strftime(pattern)} ({name_zone(local.utcoffset() or timedelta())})"


def in_short(moment: datetime) -> str:
    """What tells it from other times: 10:42 today, 09-29 10:42 this year, otherwise all of it.

    For pages that say the zone once, with say_zone().
    """
    return f"{day_in_short(moment)}{timezone.localtime(moment):%H:%M}"


def to_the_second(moment: datetime) -> str:
    """in_short(), with its seconds."""
    return f"{day_in_short(moment)}{timezone.localtime(moment):%H:%M:%S}"


def day_in_short(moment: datetime) -> str:
    """Nothing for today."""
    local, today = timezone.localtime(moment), timezone.localdate()
    if local.date() == today:
        return ""
    return f"{local:%m-%d} " if local.year == today.year else f"{local:%Y-%m-%d} "


def day(moment: datetime) -> str:
    return f"{timezone.localtime(moment):%Y-%m-%d}"


def say_zone() -> str:
    """Asia/Shanghai (UTC+8)"""
    offset = timezone.localtime().utcoffset() or timedelta()
    return f"{settings.TIME_ZONE} ({name_zone(offset)})"


def name_zone(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    if not minutes:
        return "UTC"
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'+' if minutes > 0 else '-'}{hours}{f':{rest:02}' if rest else ''}"
