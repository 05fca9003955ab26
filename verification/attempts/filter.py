"""The filter of the list of attempts, which is parsed from a URL and written as a URL again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date

from verification.attempts.index import ACCOUNT_LIMIT
from verification.audit_log.positions import first_id_since
from verification.models import VerificationAttempt
from verification.models.noise import NOISE
from verification.protocol.client_ip import canonical_ip
from verification.protocol.enums import Kind, Outcome, Reason
from verification.times import PRESETS, Period, Span, can_have_records, period_of, preset

#: The period of the list when the URL has none: the latest days, today included.
DEFAULT_DAYS = 90
#: The value of `account` for attempts whose path belongs to no account.
NO_ACCOUNT = "none"
PARAMETERS = {"period", "first", "last", "account", "outcome", "reason", "kind", "noise", "q"}
#: Where a page of the list begins. These are valid parameters, but not part of the filter.
PARAMETERS |= {"before", "after"}
#: Stands among the invalid parameters for two valid dates in the wrong order.
LAST_BEFORE_FIRST = "last < first"
MINUTE = "%Y-%m-%dT%H:%M"
Member = TypeVar("Member", Kind, Outcome, Reason)


@dataclass(frozen=True)
class AttemptFilter:
    """Selects attempts by period, account, outcome, reason, kind, noise and a search text."""

    period: Period | Span
    preset: str = ""  #: the name in PRESETS by which the period was chosen
    account: int | str | None = None  #: an id, NO_ACCOUNT, or None for all accounts
    outcome: Outcome | None = None
    reason: Reason | None = None
    kind: Kind | None = Kind.URL_VERIFICATION  #: None for all kinds but self-tests
    is_noise: bool = False  #: only internet noise; otherwise none of it
    search: str = ""

    @property
    def address(self) -> str | None:
        """The source IP searched for, in the form in which it is stored."""
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
        """The account's id, 0 for paths that belong to no account, or None for all accounts."""
        if self.account == NO_ACCOUNT:
            return 0
        return self.account if isinstance(self.account, int) else None

    def ids(self) -> range:
        """Return the ids of all attempts in the period: ids are in the order of time."""
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
        if self.kind is None:
            condition &= ~Q(kind=Kind.SELF_TEST.value)
        condition &= NOISE if self.is_noise else ~NOISE
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
        if self.preset or self.period == latest_days():
            dates = {"period": self.preset}
        else:
            dates = self.ends()
        parameters = {
            **dates,
            "account": str(self.account or ""),
            "outcome": self.outcome.label if self.outcome else "",
            "reason": self.reason.label if self.reason else "",
            "kind": "" if self.kind is Kind.URL_VERIFICATION else self._kind_label(),
            "noise": "only" if self.is_noise else "",
            "q": self.search,
        }
        return {name: value for name, value in parameters.items() if value}

    def ends(self) -> dict[str, str]:
        """Return the first and the last day of the period, or its first and last minute."""
        if isinstance(self.period, Period):
            return {"first": str(self.period.first), "last": str(self.period.last)}
        first, last = (timezone.localtime(at) for at in (self.period.start, self.period.last))
        return {"first": f"{first:{MINUTE}}", "last": f"{last:{MINUTE}}"}

    def _kind_label(self) -> str:
        return self.kind.label if self.kind else "all"

    def as_facts(self) -> dict[str, str]:
        """Return the filter for the change log: with its dates and defaults, spelled out."""
        return {
            **self.parameters(),
            **self.ends(),
            "kind": self._kind_label(),
            "noise": "only" if self.is_noise else "none",
        }

    def query(self, **place: int) -> str:
        """Return the query string of the list's URL. `place` may hold `before` or `after`."""
        return f"?{urlencode({**self.parameters(), **place})}"


def latest_days() -> Period:
    """Return the default period of the list."""
    today = timezone.localdate()
    return Period(today - timedelta(days=DEFAULT_DAYS - 1), today)


def parse_filter(parameters: Mapping[str, str]) -> tuple[AttemptFilter, list[str]]:
    """Return the filter that a URL's parameters describe, and the names of the invalid ones.

    An invalid parameter has its default in the filter.
    """
    invalid = [name for name in parameters if name not in PARAMETERS]
    preset_name = parameters.get("period", "")
    if preset_name and preset_name not in PRESETS:
        invalid.append("period")
        preset_name = ""
    if preset_name:
        period = preset(preset_name, timezone.localdate())
    else:
        period = parse_period(parameters, invalid)
    account = parse_account(parameters, invalid)
    outcome = parse_member(Outcome, "outcome", parameters, invalid)
    reason = parse_member(Reason, "reason", parameters, invalid)
    kind: Kind | None = None
    if parameters.get("kind") != "all":
        kind = parse_member(Kind, "kind", parameters, invalid) or Kind.URL_VERIFICATION
    noise = parameters.get("noise", "")
    if noise not in {"", "only"}:
        invalid.append("noise")
    search = parameters.get("q", "").strip()
    return (
        AttemptFilter(period, preset_name, account, outcome, reason, kind, noise == "only", search),
        invalid,
    )


def parse_period(parameters: Mapping[str, str], invalid: list[str]) -> Period | Span:
    """Return the period from `first` to `last`, which are days, or minutes.

    If they are invalid, add a text to `invalid` and return the default period.
    """
    if not parameters.get("first") and not parameters.get("last"):
        return latest_days()
    first, last = parse_day(parameters.get("first")), parse_day(parameters.get("last"))
    if first and last and first <= last:
        return Period(first, last)
    start, until = parse_minute(parameters.get("first")), parse_minute(parameters.get("last"))
    if start and until and start <= until:
        return period_of(Span(start, until + timedelta(minutes=1)))
    invalid.append(LAST_BEFORE_FIRST if first and last else "first – last")
    return latest_days()


def parse_day(text: str | None) -> date | None:
    """Return the day, or None if the text is no date or a day without records."""
    try:
        day = parse_date(text or "")
    except ValueError:
        return None
    return day if day and can_have_records(day) else None


def parse_minute(text: str | None) -> datetime | None:
    """Return the minute in TIME_ZONE, or None if the text is no time of a day with records."""
    try:
        minute = datetime.strptime(text or "", MINUTE)
    except ValueError:
        return None
    return timezone.make_aware(minute) if can_have_records(minute.date()) else None


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
