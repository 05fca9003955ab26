"""Parses the URL of the list of attempts into a filter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.utils import timezone

from verification.attempts.filter import (
    ALL_PRESETS,
    DEFAULT_DAYS,
    NO_ACCOUNT,
    AttemptFilter,
    Noise,
    default_kind,
    latest_days,
    preset_period,
    span_around,
)
from verification.attempts.index import ACCOUNT_LIMIT
from verification.attempts.typed_times import ImpossibleTimeError, parse, parse_end
from verification.protocol.enums import Kind, Outcome, Reason
from verification.times import Period, Span, midnight, period_of

PARAMETERS = {"period", "first", "last", "at"}
PARAMETERS |= {"account", "outcome", "reason", "kind", "noise", "q"}
#: Where a page of the list begins. These are valid parameters, but not part of the filter.
PARAMETERS |= {"before", "after"}
#: Stands among the invalid parameters for two valid times in the wrong order.
LAST_BEFORE_FIRST = "last < first"
#: The invalid parameters that the page reports where they were typed.
TYPED = {"first", "last", "at", LAST_BEFORE_FIRST}
Member = TypeVar("Member", Kind, Outcome, Reason)


def parse_filter(parameters: Mapping[str, str]) -> tuple[AttemptFilter, list[str]]:
    """Return the filter that a URL's parameters describe, and the names of the invalid ones.

    An invalid parameter has its default in the filter.
    """
    invalid = [name for name in parameters if name not in PARAMETERS]
    preset_name = parameters.get("period", "")
    if preset_name and preset_name not in ALL_PRESETS:
        invalid.append("period")
        preset_name = ""
    period: Period | Span
    if at := parse_at(parameters, invalid):
        preset_name, period = "", span_around(at)
    elif preset_name:
        period = preset_period(preset_name)
    else:
        period = parse_period(parameters, invalid)
    account = parse_account(parameters, invalid)
    outcome = parse_member(Outcome, "outcome", parameters, invalid)
    reason = parse_member(Reason, "reason", parameters, invalid)
    kinds = parse_kinds(parameters, at, invalid)
    search = parameters.get("q", "").strip()
    return (
        AttemptFilter(period, preset_name, at, account, outcome, reason, **kinds, search=search),
        invalid,
    )


def parse_at(parameters: Mapping[str, str], invalid: list[str]) -> datetime | None:
    """Return the time that `at` has; if it is none, add `at` to `invalid`."""
    if not parameters.get("at"):
        return None
    try:
        meant = parse(parameters["at"])
    except ImpossibleTimeError:
        meant = None
    if isinstance(meant, datetime):
        return meant
    invalid.append("at")
    return None


def parse_period(parameters: Mapping[str, str], invalid: list[str]) -> Period | Span:
    """Return the period from `first` through `last`, which are days or minutes.

    Without one of them, it has the default length or ends today. If one is invalid, or both are in
    the wrong order, add that to `invalid` and return the default period.
    """
    first, last = (parameters.get(name, "").strip() for name in ("first", "last"))
    default = latest_days()
    start = parse_end(first, is_last=False) if first else default.start
    end = parse_end(last, is_last=True) if last else default.end
    invalid += [name for name, ok in (("first", start), ("last", end)) if not ok]
    if not start or not end:
        return default
    if last and not first:
        start = min(start, midnight(timezone.localdate(end) - timedelta(days=DEFAULT_DAYS)))
    if start >= end:
        invalid.append(LAST_BEFORE_FIRST)
        return default
    return period_of(Span(start, end))


def parse_kinds(
    parameters: Mapping[str, str], at: datetime | None, invalid: list[str]
) -> dict[str, Any]:
    """Return the kinds that the filter selects, and what it does with internet noise."""
    name = parameters.get("kind") or default_kind(at)
    noise = parameters.get("noise", "")
    if noise not in {"", "only"}:
        invalid.append("noise")
    if name == "every":
        return {"kind": None, "has_self_tests": True, "noise": Noise.SHOWN}
    chosen_noise = Noise.ONLY if noise == "only" or name == "noise" else Noise.HIDDEN
    if name in {"all", "noise"}:
        return {"kind": None, "noise": chosen_noise}
    kind = parse_member(Kind, "kind", {"kind": name}, invalid)
    return {"kind": kind or Kind.URL_VERIFICATION, "noise": chosen_noise}


def parse_account(parameters: Mapping[str, str], invalid: list[str]) -> int | str | None:
    """Return an account's id, NO_ACCOUNT, or None.

    If the parameter is invalid, add its name to `invalid`.
    """
    text = parameters.get("account", "")
    if text in {"", NO_ACCOUNT}:
        return text or None
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) < ACCOUNT_LIMIT:
        return int(text)
    invalid.append("account")
    return None


def parse_member(
    members: type[Member], name: str, parameters: Mapping[str, str], invalid: list[str]
) -> Member | None:
    """Return the member whose label the parameter has, or None.

    If no member has that label, add the parameter's name to `invalid`.
    """
    label = parameters.get(name, "")
    for member in members:
        if member.label == label:
            return member
    if label:
        invalid.append(name)
    return None
