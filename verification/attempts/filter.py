"""Which attempts somebody wants to see: made from an address, and made into one again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
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
from verification.times import PRESETS, Period, can_have_records, preset

#: What the list opens on.
DAYS = 90
#: In addresses: attempts whose path no account has.
NO_ACCOUNT = "none"
PARAMETERS = {"period", "first", "last", "account", "outcome", "reason", "kind", "noise", "q"}
#: Where a page of the list begins, which is no matter of the filter.
PARAMETERS |= {"before", "after"}
#: Among what means nothing: dates that somebody may well have typed.
BACKWARDS = "last < first"
Word = TypeVar("Word", Kind, Outcome, Reason)


@dataclass(frozen=True)
class AttemptFilter:
    period: Period
    preset: str = ""  #: the name in PRESETS that the period was chosen by
    account: int | str | None = None  #: an id, NO_ACCOUNT, or None for all
    outcome: Outcome | None = None
    reason: Reason | None = None
    kind: Kind | None = Kind.URL_VERIFICATION  #: None for all that others sent
    is_noise: bool = False  #: only internet noise, or none of it
    search: str = ""

    @property
    def address(self) -> str | None:
        """The source IP searched for, as it is stored."""
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
        """Its id, 0 for the paths that no account has, None for all."""
        if self.account == NO_ACCOUNT:
            return 0
        return self.account if isinstance(self.account, int) else None

    def ids(self) -> range:
        """Of all attempts in the period: they are numbered in the order of their time."""
        return range(first_id_since(self.period.start), first_id_since(self.period.end))

    def queryset(self) -> QuerySet[VerificationAttempt]:
        ids = self.ids()
        attempts = VerificationAttempt.objects.filter(self.condition())
        return attempts.filter(id__gte=ids.start, id__lt=ids.stop).order_by("-id")

    def condition(self) -> Q:
        """All but the period."""
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

    def but(self, **changes: Any) -> AttemptFilter:
        return replace(self, **changes)

    def parameters(self) -> dict[str, str]:
        """For an address; what is as the list opens is left out."""
        found = {
            **self._dates(),
            "account": str(self.account or ""),
            "outcome": self.outcome.label if self.outcome else "",
            "reason": self.reason.label if self.reason else "",
            "kind": "" if self.kind is Kind.URL_VERIFICATION else self._kind_label(),
            "noise": "only" if self.is_noise else "",
            "q": self.search,
        }
        return {name: value for name, value in found.items() if value}

    def _kind_label(self) -> str:
        return self.kind.label if self.kind else "all"

    def _dates(self) -> dict[str, str]:
        if self.preset or self.period == latest_days():
            return {"period": self.preset}
        return {"first": str(self.period.first), "last": str(self.period.last)}

    def described(self) -> dict[str, str]:
        """For the record: with its dates and what it leaves out, which an address need not say."""
        return {
            **self.parameters(),
            "first": str(self.period.first),
            "last": str(self.period.last),
            "kind": self._kind_label(),
            "noise": "only" if self.is_noise else "none",
        }

    def query(self, **place: int) -> str:
        return f"?{urlencode({**self.parameters(), **place})}"


def latest_days() -> Period:
    today = timezone.localdate()
    return Period(today - timedelta(days=DAYS - 1), today)


def parse_filter(asked: Any) -> tuple[AttemptFilter, list[str]]:
    """The filter that an address means, and the names of the parameters that mean nothing."""
    wrong = [name for name in asked if name not in PARAMETERS]
    name = asked.get("period", "")
    if name and name not in PRESETS:
        wrong.append("period")
        name = ""
    period = preset(name, timezone.localdate()) if name else parse_dates(asked, wrong)
    parsed = AttemptFilter(
        period=period,
        preset=name,
        account=parse_account(asked.get("account", ""), wrong),
        outcome=parse_word(Outcome, "outcome", asked, wrong),
        reason=parse_word(Reason, "reason", asked, wrong),
        kind=parse_kind(asked, wrong),
        is_noise=parse_noise(asked, wrong),
        search=asked.get("q", "").strip(),
    )
    return parsed, wrong


def parse_dates(asked: Any, wrong: list[str]) -> Period:
    if not asked.get("first") and not asked.get("last"):
        return latest_days()
    first, last = parse_day(asked.get("first")), parse_day(asked.get("last"))
    if first and last and first <= last:
        return Period(first, last)
    wrong.append(BACKWARDS if first and last else "first – last")
    return latest_days()


def parse_day(text: str | None) -> date | None:
    try:
        day = parse_date(text or "")
    except ValueError:
        return None
    return day if day and can_have_records(day) else None


def parse_account(text: str, wrong: list[str]) -> int | str | None:
    if text in {"", NO_ACCOUNT}:
        return text or None
    if text.isascii() and text.isdigit() and len(text) < 10 and int(text) < ACCOUNT_LIMIT:
        return int(text)
    wrong.append("account")
    return None


def parse_kind(asked: Any, wrong: list[str]) -> Kind | None:
    if asked.get("kind") == "all":
        return None
    return parse_word(Kind, "kind", asked, wrong) or Kind.URL_VERIFICATION


def parse_noise(asked: Any, wrong: list[str]) -> bool:
    text: str = asked.get("noise", "")
    if text not in {"", "only"}:
        wrong.append("noise")
    return text == "only"


def parse_word(words: type[Word], name: str, asked: Any, wrong: list[str]) -> Word | None:
    text = asked.get(name, "")
    found = next((member for member in words if member.label == text), None)
    if text and found is None:
        wrong.append(name)
    return found
