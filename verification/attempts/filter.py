"""Selects attempts for the list, and writes the selection as a URL, which filter_url.py parses."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from verification.attempts.typed_times import format_minute
from verification.audit_log.positions import first_id_since
from verification.models import VerificationAttempt
from verification.models.noise import NOISE
from verification.protocol.client_ip import canonical_ip
from verification.protocol.enums import Kind, Outcome, Reason
from verification.times import PRESETS, Period, Span, minute_of, preset

#: The period of the list when the URL has none: the latest days, today included.
DEFAULT_DAYS = 90
#: How much the list shows before and after a minute that somebody asks about.
AROUND = timedelta(minutes=2)
#: The value of `account` for attempts whose path belongs to no account.
NO_ACCOUNT = "none"
DAY_PRESETS = {
    "today": _("Today"),
    "yesterday": _("Yesterday"),
    "last_7_days": _("Last 7 days"),
}
ALL_PRESETS = {**DAY_PRESETS, **PRESETS}


class Noise(StrEnum):
    """Says what a filter does with internet noise."""

    HIDDEN = "none"
    ONLY = "only"
    SHOWN = "shown"


@dataclass(frozen=True)
class AttemptFilter:
    """Selects attempts by period, account, outcome, reason, kind, noise and a search text."""

    period: Period | Span
    preset: str = ""  #: the name in ALL_PRESETS by which the period was chosen
    at: datetime | None = None  #: the moment around which the period is
    account: int | str | None = None  #: an id, NO_ACCOUNT, or None for all accounts
    outcome: Outcome | None = None
    reason: Reason | None = None
    kind: Kind | None = Kind.URL_VERIFICATION  #: None for all kinds
    has_self_tests: bool = False  #: with None for the kind; otherwise all but self-tests
    noise: Noise = Noise.HIDDEN
    search: str = ""

    @property
    def address(self) -> str | None:
        """Return the source IP searched for, in the form in which it is stored."""
        return canonical_ip(self.search)

    @property
    def request_id(self) -> UUID | None:
        try:
            return UUID(self.search)
        except ValueError:
            return None

    @property
    def is_search_understood(self) -> bool:
        return not self.search or bool(self.address or self.request_id)

    @property
    def account_number(self) -> int | None:
        """Return the account's id, 0 for paths of no account, or None for all accounts."""
        if self.account == NO_ACCOUNT:
            return 0
        return self.account if isinstance(self.account, int) else None

    @property
    def kinds(self) -> list[Kind]:
        if self.kind:
            return [self.kind]
        return [kind for kind in Kind if self.has_self_tests or kind is not Kind.SELF_TEST]

    @property
    def is_everything(self) -> bool:
        """Return whether the filter leaves out nothing of its period."""
        return self == everything(self.period, preset=self.preset, at=self.at)

    @property
    def is_countable(self) -> bool:
        """Return whether tallies can count what the filter selects."""
        return not self.reason and not self.search

    def ids(self) -> range:
        """Return the ids of all attempts in the period: ids are in the order of time."""
        return self._ids

    @cached_property
    def _ids(self) -> range:
        return range(first_id_since(self.period.start), first_id_since(self.period.end))

    def queryset(self) -> QuerySet[VerificationAttempt]:
        ids = self.ids()
        attempts = VerificationAttempt.objects.filter(self.condition())
        return attempts.filter(id__gte=ids.start, id__lt=ids.stop).order_by("-id")

    def condition(self) -> Q:
        """Return the filter as a query, without the period, which ids() covers."""
        condition = Q()
        if self.account == NO_ACCOUNT:
            condition &= Q(account=None)
        elif self.account is not None:
            condition &= Q(account=self.account)
        for name in ("outcome", "reason", "kind"):
            if (value := getattr(self, name)) is not None:
                condition &= Q(**{name: value.value})
        if self.kind is None and not self.has_self_tests:
            condition &= ~Q(kind=Kind.SELF_TEST.value)
        if self.noise is not Noise.SHOWN:
            condition &= NOISE if self.noise is Noise.ONLY else ~NOISE
        if self.search:
            condition &= (
                Q(request_id=self.request_id) if self.request_id else Q(client_ip=self.address)
            )
        return condition

    def replace(self, **changes: Any) -> AttemptFilter:
        """Return a filter with some values changed."""
        return dataclasses.replace(self, **changes)

    def parameters(self) -> dict[str, str]:
        """Return the parameters of the list's URL, without those that have their default."""
        if self.at:
            dates = {"at": format_minute(self.at)}
        elif self.preset or self.period == latest_days():
            dates = {"period": self.preset}
        else:
            dates = self.ends()
        kind = self.kind_name()
        parameters = {
            **dates,
            "account": str(self.account or ""),
            "outcome": self.outcome.label if self.outcome else "",
            "reason": self.reason.label if self.reason else "",
            "kind": "" if kind == default_kind(self.at) else kind,
            "noise": "only" if self.noise is Noise.ONLY and self.kind else "",
            "q": self.search,
        }
        return {name: value for name, value in parameters.items() if value}

    def ends(self) -> dict[str, str]:
        """Return the first and the last day of the period, or its first and last minute."""
        if isinstance(self.period, Period):
            return {"first": str(self.period.first), "last": str(self.period.last)}
        return {
            "first": format_minute(self.period.start),
            "last": format_minute(self.period.last),
        }

    def kind_name(self) -> str:
        """Return the value of `kind` in the URL."""
        if self.kind:
            return self.kind.label
        names = {Noise.ONLY: "noise", Noise.SHOWN: "every", Noise.HIDDEN: "all"}
        return names[self.noise]

    def as_facts(self) -> dict[str, str]:
        """Return the filter for the change log: with its dates and defaults, spelled out."""
        parameters = self.parameters()
        parameters.pop("at", None)
        return {
            **parameters,
            **self.ends(),
            "kind": "all" if self.noise is Noise.ONLY and not self.kind else self.kind_name(),
            "noise": self.noise.value,
        }

    def query(self, **place: int) -> str:
        """Return the query string of the list's URL. `place` may hold `before` or `after`."""
        return f"?{urlencode({**self.parameters(), **place})}"


def everything(period: Period | Span, **changes: Any) -> AttemptFilter:
    """Return the filter for all attempts of the period, of all kinds and with internet noise."""
    whole = {"kind": None, "has_self_tests": True, "noise": Noise.SHOWN}
    return AttemptFilter(period, **{**whole, **changes})


def around(moment: datetime) -> AttemptFilter:
    """Return the filter for all attempts around a minute."""
    return everything(span_around(moment), at=moment)


def span_around(moment: datetime) -> Span:
    """Return the minute that `moment` is in, with the minutes before and after it."""
    minute = minute_of(moment)
    return Span(minute.start - AROUND, minute.end + AROUND)


def default_kind(at: datetime | None) -> str:
    """Return the kind that the list shows if the URL has none."""
    return "every" if at else Kind.URL_VERIFICATION.label


def latest_days() -> Period:
    """Return the default period of the list."""
    today = timezone.localdate()
    return Period(today - timedelta(days=DEFAULT_DAYS - 1), today)


def preset_period(name: str) -> Period:
    """Return the period of one of ALL_PRESETS."""
    today = timezone.localdate()
    if name not in DAY_PRESETS:
        return preset(name, today)
    days = {"today": (0, 0), "yesterday": (1, 1), "last_7_days": (6, 0)}
    return Period(*(today - timedelta(days=ago) for ago in days[name]))
