"""Parses times, ranges and days as people type and paste them, such as 昨天 10:42."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from datetime import timezone as fixed_zone
from typing import NamedTuple

from django.utils import timezone

from verification.times import Period, Span, can_have_records, minute_of, period_of

DAYS_AGO = {
    **{"today": 0, "今天": 0, "今日": 0},
    **{"yesterday": 1, "昨天": 1, "昨日": 1},
    "前天": 2,
}
#: Words before an hour that is meant as one of the afternoon if it is below twelve.
AFTERNOON = {"pm", "下午", "晚上", "傍晚", "中午"}
MORNING = {"am", "上午", "早上", "凌晨"}

_HALF = f"(?P<half>{'|'.join([*AFTERNOON, *MORNING])})"
_DAY = re.compile(
    rf"""(?P<word>{"|".join(DAYS_AGO)})
    | (?:(?P<year>\d{{4}})[-/.年])? (?P<month>\d{{1,2}})[-/.月] (?P<day>\d{{1,2}})[日号]?
      (?![\d:.])""",
    re.VERBOSE | re.ASCII,
)
_TIME = re.compile(
    rf"""{_HALF}? \ * (?P<hour>\d{{1,2}})
    (?: (?: : | [点时] ) (?P<minute>\d{{2}}|半|(?<=[点时])\d)? 分?
        (?: :? (?P<second>\d{{2}}) (?:[.,]\d+)? 秒? )? )?
    \ * {_HALF.replace("half", "half_after")}?""",
    re.VERBOSE | re.ASCII,
)
_ZONE = re.compile(
    r"\(? (?: utc | gmt )? (?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))? \)?"
    r"| \(? (?: utc | gmt | z ) \)?",
    re.VERBOSE | re.ASCII,
)
_TO = re.compile(r"\s*(?:-|–|—|~|〜|至|到|\bto\b|\.\.+)\s*")
_BETWEEN = re.compile(r"[\s,t的]*")


class ImpossibleTimeError(ValueError):
    """Raised for what looks like a time and is none: 25:99, 2026-02-30, a range that ends early."""


class _Typed(NamedTuple):
    """Holds what was typed of one end: the day, the time, or both, and the zone of the time."""

    day: re.Match[str] | None
    time: re.Match[str] | None
    zone: re.Match[str] | None


@dataclass(frozen=True)
class _Point:
    """Holds the day and the time that one end means in its zone."""

    day: date | None
    time: time | None
    zone: tzinfo

    @property
    def today(self) -> date:
        return timezone.localdate(timezone=self.zone)

    def at(self, default_day: date) -> datetime:
        """Return the time in UTC. A time that comes twice is the first of the two."""
        local = datetime.combine(self.day or default_day, self.time or time())
        return timezone.make_aware(local, self.zone).astimezone(UTC)


def parse(text: str) -> datetime | Span | Period | None:
    """Return the time, range or day that the text means, or None if it means none.

    A time without a day is today's, or yesterday's if it is still to come. A day without a year is
    the last such day. Today is that of the zone that was typed, or of TIME_ZONE. A zone after one
    end of a range is that of both. Raise ImpossibleTimeError if the text looks like a time and is
    none.
    """
    text = unicodedata.normalize("NFKC", text).strip().lower()
    typed = list(_split(text))
    zones = [_zone_of(end.zone) for end in typed if end.zone]
    points = [
        _point(end, _zone_of(end.zone) if end.zone else next(iter(zones), None)) for end in typed
    ]
    if len(points) == 1:
        return _single(points[0])
    if len(points) == 2:
        return _range(*points)
    return None


def parse_end(text: str, *, is_last: bool) -> datetime | None:
    """Return when the day or the minute that the text means begins, or ends if `is_last`.

    Return None if the text means neither.
    """
    try:
        meant = parse(text)
    except ImpossibleTimeError:
        return None
    if meant is None:
        return None
    span = minute_of(meant) if isinstance(meant, datetime) else meant
    return span.end if is_last else span.start


def format_minute(moment: datetime) -> str:
    """Return the minute as parse() understands it, with the second if there is one."""
    local = timezone.localtime(moment)
    if local.fold:  # The clocks have gone back, so that this time comes twice.
        return local.isoformat(timespec="seconds")
    naive = local.replace(tzinfo=None)
    return naive.isoformat(timespec="seconds" if local.second else "minutes")


def _single(point: _Point) -> datetime | Period:
    if point.time is None:
        day = point.day or point.today
        return Period(day, day)
    at = point.at(point.today)
    if point.day is None and at > timezone.now():
        at = point.at(point.today - timedelta(days=1))
    return at


def _range(first: _Point, last: _Point) -> Period | Span | None:
    """Return the range from the first point through the last: all of its minute, or of its day."""
    if (first.time is None) != (last.time is None):
        return None
    first_day = first.day or last.day or first.today
    if first.time is None:
        last_day = last.day or first_day
        if last_day < first_day:
            raise ImpossibleTimeError(f"{first_day} – {last_day}")
        return Period(first_day, last_day)
    start = first.at(first_day)
    if not first.day and not last.day and start > timezone.now():
        first_day -= timedelta(days=1)
        start = first.at(first_day)
    end = last.at(first_day)
    if end < start and not last.day:  # 23:30 - 00:30
        end = last.at(first_day + timedelta(days=1))
    if end < start:
        raise ImpossibleTimeError(f"{start} – {end}")
    return period_of(Span(minute_of(start).start, minute_of(end).end))


def _split(text: str) -> Iterator[_Typed]:
    """Yield the end that the text consists of, or the two with a dash or a word between them.

    Yield nothing if there is anything else in it.
    """
    found: list[_Typed] = []
    position = 0
    while position < len(text) and len(found) < 2:
        if found:
            between = _TO.match(text, position)
            if between is None:
                return
            position = between.end()
        end = _match(text, position)
        if end is None:
            return
        found.append(end)
        position = max(part.end() for part in end if part)
    if position == len(text):
        yield from found


def _match(text: str, position: int) -> _Typed | None:
    """Return the day, the time or both that begin at the position."""
    day = _DAY.match(text, position)
    after_day = _BETWEEN.match(text, day.end() if day else position)
    assert after_day  # it matches nothing, too
    clock = _TIME.match(text, after_day.end())
    if clock and not (clock["minute"] or clock["half"] or clock["half_after"] or "点" in clock[0]):
        clock = None  # a number is no time
    if not day and not clock:
        return None
    is_full = bool(day and clock and clock["second"])
    return _Typed(day, clock, _zone_after(text, clock.end(), is_full=is_full) if clock else None)


def _zone_after(text: str, end: int, *, is_full: bool) -> re.Match[str] | None:
    """Return the zone that follows a time. An offset alone follows only a full one.

    10:30-11:00 is a range, 2026-09-29T10:42:07-03:00 is not.
    """
    zone = _ZONE.match(text, end + len(text[end:]) - len(text[end:].lstrip()))
    if zone is None or text[zone.start()] not in "+-":
        return zone
    if not is_full or text[zone.end() : zone.end() + 1] == ":":
        return None
    return zone


def _point(end: _Typed, zone: tzinfo | None) -> _Point:
    zone = zone or timezone.get_current_timezone()
    return _Point(
        _day_of(end.day, timezone.localdate(timezone=zone)) if end.day else None,
        _time_of(end.time) if end.time else None,
        zone,
    )


def _day_of(match: re.Match[str], today: date) -> date:
    if match["word"]:
        return today - timedelta(days=DAYS_AGO[match["word"]])
    if match["year"]:
        years, latest = [int(match["year"])], date.max
    else:
        # 02-29 was at most eight years ago.
        years, latest = [today.year - ago for ago in range(9)], today
    for year in years:
        with suppress(ValueError):
            day = date(year, int(match["month"]), int(match["day"]))
            if day <= latest and can_have_records(day):
                return day
    raise ImpossibleTimeError(match[0])


def _time_of(match: re.Match[str]) -> time:
    hour = int(match["hour"])
    half = match["half"] or match["half_after"]
    if half in AFTERNOON and hour < 12:
        hour += 0 if half == "中午" and hour == 11 else 12
    elif half in MORNING and hour == 12:
        hour = 0
    minute = 30 if match["minute"] == "半" else int(match["minute"] or 0)
    try:
        return time(hour, minute, int(match["second"] or 0))
    except ValueError as error:
        raise ImpossibleTimeError(match[0]) from error


def _zone_of(match: re.Match[str]) -> tzinfo:
    offset = timedelta(hours=int(match["hours"] or 0), minutes=int(match["minutes"] or 0))
    if offset >= timedelta(days=1):
        raise ImpossibleTimeError(match[0])
    return fixed_zone(-offset if match["sign"] == "-" else offset)
