"""What leads from the list of attempts to another one: links that say what is chosen."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from verification.attempts.counts import AccountCount, Bar, PeriodCounts
from verification.attempts.filter import NO_ACCOUNT, AttemptFilter, latest_days
from verification.models import OfficialAccount
from verification.models.choices import KIND_CHOICES, OUTCOME_CHOICES, REASON_CHOICES
from verification.protocol.enums import Kind, Outcome, Reason
from verification.times import PRESETS, Period, preset

LATEST = _("Last 90 days")
NOBODYS = _("No such account")
#: What no choice means, where that is not everything.
ALL = {"kind": _("All but self-tests")}


class Choice(NamedTuple):
    label: Any
    query: str
    is_chosen: bool


class CountedAccount(NamedTuple):
    """A row of the table, each number with the list that it counts."""

    sums: AccountCount
    all: str
    accepted: str
    refused: str


def period_name(filters: AttemptFilter) -> Any:
    """Empty for days that were typed in."""
    return PRESETS.get(filters.preset) or (LATEST if filters.period == latest_days() else "")


def period_choices(filters: AttemptFilter) -> list[Choice]:
    today = timezone.localdate()
    named = {"": latest_days(), **{name: preset(name, today) for name in PRESETS}}
    labels = {"": LATEST, **PRESETS}
    return [
        Choice(
            labels[name],
            filters.replace(period=period, preset=name).query(),
            name == filters.preset and period == filters.period,
        )
        for name, period in named.items()
    ]


def chosen_account(filters: AttemptFilter) -> Any:
    """Its name; empty when it may be any."""
    if filters.account in {None, NO_ACCOUNT}:
        return NOBODYS if filters.account else ""
    return OfficialAccount.objects.filter(pk=filters.account).first() or ""


def filter_choices(filters: AttemptFilter) -> list[tuple[Any, list[Choice]]]:
    """What the list can be narrowed by, and to what."""
    accounts = OfficialAccount.objects.values_list("id", "name")
    named = [*accounts, (NO_ACCOUNT, NOBODYS)]
    return [
        (_("Outcome"), of_word(filters, "outcome", Outcome, OUTCOME_CHOICES)),
        (_("Reason"), of_word(filters, "reason", Reason, REASON_CHOICES)),
        (_("Kind"), of_word(filters, "kind", Kind, KIND_CHOICES)),
        (_("Official account"), one_of(filters, "account", named)),
    ]


def of_word(
    filters: AttemptFilter, name: str, words: type[IntEnum], labels: Iterable[tuple[int, Any]]
) -> list[Choice]:
    return one_of(filters, name, [(words(value), label) for value, label in labels])


def one_of(filters: AttemptFilter, name: str, values: Iterable[tuple[Any, Any]]) -> list[Choice]:
    return [
        Choice(label, filters.replace(**{name: value}).query(), getattr(filters, name) == value)
        for value, label in [(None, ALL.get(name, _("All"))), *values]
    ]


def hidden_choices(filters: AttemptFilter, counts: PeriodCounts) -> list[tuple[int, Choice]]:
    """What the list leaves out as it opens, with how many there are of it."""
    plain = filters.replace(outcome=None, reason=None, account=None, search="", is_noise=False)
    noise = plain.replace(is_noise=True, kind=None)
    return [
        (counts.noise, Choice(_("internet noise"), noise.query(), filters.is_noise)),
        (counts.pushes, of_kind(plain, filters, Kind.MESSAGE_PUSH, _("message pushes"))),
        (counts.self_tests, of_kind(plain, filters, Kind.SELF_TEST, _("self-tests"))),
    ]


def of_kind(plain: AttemptFilter, filters: AttemptFilter, kind: Kind, label: Any) -> Choice:
    return Choice(label, plain.replace(kind=kind).query(), filters.kind is kind)


def account_rows(filters: AttemptFilter, counts: PeriodCounts) -> list[CountedAccount]:
    return [
        CountedAccount(
            count,
            own.query(),
            own.replace(outcome=Outcome.ACCEPTED).query(),
            own.replace(outcome=Outcome.REFUSED).query(),
        )
        for count in counts.by_account()
        for own in [verifications(filters, account=count.account_id or NO_ACCOUNT)]
    ]


def day_query(filters: AttemptFilter, bar: Bar) -> str:
    period = Period(bar.first, bar.last)
    return verifications(filters, period=period, preset="", account=filters.account).query()


def verifications(filters: AttemptFilter, **changes: Any) -> AttemptFilter:
    """What the table and the chart count."""
    plain = {"kind": Kind.URL_VERIFICATION, "outcome": None, "reason": None}
    return filters.replace(**plain, is_noise=False, search="", **changes)
