"""Offers links and selects above the list of attempts, and marks the current ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from verification.attempts.bars import Bar
from verification.attempts.counts import AccountCount, PeriodCounts
from verification.attempts.filter import (
    ALL_PRESETS,
    NO_ACCOUNT,
    AttemptFilter,
    Noise,
    everything,
    latest_days,
    preset_period,
)
from verification.models import OfficialAccount
from verification.models.choices import KIND_CHOICES, OUTCOME_CHOICES, REASON_CHOICES
from verification.protocol.enums import Kind, Outcome, Reason
from verification.times import Period, Span, period_of

LATEST = _("Last 90 days")
NO_ACCOUNT_LABEL = _("No such account")
#: The labels of those values of `kind` that are more than one kind.
KINDS_LABELS = {
    "all": _("All but self-tests"),
    "noise": _("Internet noise"),
    "every": _("Everything"),
}


class Choice(NamedTuple):
    label: Any
    query: str
    is_chosen: bool


class Option(NamedTuple):
    value: str
    label: Any
    is_chosen: bool


class Select(NamedTuple):
    name: str
    label: Any
    options: list[Option]


class Chip(NamedTuple):
    """Holds a filter that is applied, with the query of the list without it."""

    name: Any
    value: Any
    query: str


class CountedAccount(NamedTuple):
    """Holds a row of the table, with a query for each list whose rows it counts."""

    sums: AccountCount
    all: str
    accepted: str
    refused: str


def named_periods() -> dict[str, tuple[Any, Period]]:
    """Return the label and the period of each preset, by its name in URLs."""
    named = {name: (label, preset_period(name)) for name, label in ALL_PRESETS.items()}
    days = ["today", "yesterday", "last_7_days"]
    return {
        **{name: named[name] for name in days},
        "": (LATEST, latest_days()),
        **{name: period for name, period in named.items() if name not in days},
    }


def period_name(filters: AttemptFilter) -> Any:
    """Return the name of the period, or an empty text for one that was typed in."""
    if filters.preset:
        return ALL_PRESETS[filters.preset]
    named = named_periods().values()
    return next((label for label, period in named if period == filters.period), "")


def period_choices(filters: AttemptFilter) -> list[Choice]:
    named = named_periods()
    chosen = filters.preset
    if not chosen:
        chosen = next((name for name, (_l, p) in named.items() if p == filters.period), "?")
    return [
        Choice(
            label,
            without_moment(filters).replace(period=period, preset=name).query(),
            name == chosen and not filters.at,
        )
        for name, (label, period) in named.items()
    ]


def without_moment(filters: AttemptFilter) -> AttemptFilter:
    """Return the filter for another period: what it shows around a moment is not kept."""
    if not filters.at:
        return filters
    plain = AttemptFilter(filters.period)
    return plain.replace(account=filters.account, outcome=filters.outcome, reason=filters.reason)


def chosen_account(filters: AttemptFilter) -> Any:
    """Return the account that the list is filtered by, or an empty text if it is not."""
    if filters.account in {None, NO_ACCOUNT}:
        return NO_ACCOUNT_LABEL if filters.account else ""
    return OfficialAccount.objects.filter(pk=filters.account).first() or filters.account


def selects_of(filters: AttemptFilter) -> list[Select]:
    """Return the selects of the form above the list."""
    accounts = [(str(pk), name) for pk, name in OfficialAccount.objects.values_list("id", "name")]
    outcomes = [(Outcome(value).label, label) for value, label in OUTCOME_CHOICES]
    reasons = [(Reason(value).label, label) for value, label in REASON_CHOICES]
    kinds = [(Kind(value).label, label) for value, label in KIND_CHOICES]
    parts: list[tuple[str, Any, Iterable[tuple[str, Any]], str]] = [
        (
            "account",
            _("Account"),
            [("", _("All")), *accounts, (NO_ACCOUNT, NO_ACCOUNT_LABEL)],
            str(filters.account or ""),
        ),
        (
            "outcome",
            _("Outcome"),
            [("", _("All")), *outcomes],
            filters.outcome.label if filters.outcome else "",
        ),
        (
            "reason",
            _("Reason"),
            [("", _("All")), *reasons],
            filters.reason.label if filters.reason else "",
        ),
        ("kind", _("Kind"), [*kinds, *KINDS_LABELS.items()], filters.kind_name()),
    ]
    return [
        Select(name, label, [Option(value, text, value == chosen) for value, text in options])
        for name, label, options, chosen in parts
    ]


def chips_of(filters: AttemptFilter) -> Iterator[Chip]:
    """Yield the filters that are applied, apart from the period."""
    if filters.account:
        without = filters.replace(account=None)
        yield Chip(_("Account"), chosen_account(filters), without.query())
    for name, label, choices in (
        ("outcome", _("Outcome"), OUTCOME_CHOICES),
        ("reason", _("Reason"), REASON_CHOICES),
    ):
        if value := getattr(filters, name):
            without = filters.replace(**{name: None})
            yield Chip(label, dict(choices)[value], without.query())
    if filters.kind is not Kind.URL_VERIFICATION and not filters.at:
        without = filters.replace(kind=Kind.URL_VERIFICATION, noise=Noise.HIDDEN)
        yield Chip(_("Kind"), kind_label(filters), without.query())
    elif filters.noise is Noise.ONLY:
        without = filters.replace(noise=Noise.HIDDEN)
        yield Chip(_("Internet noise"), _("only this"), without.query())
    if filters.search:
        yield Chip(_("Search"), filters.search, filters.replace(search="").query())


def unfiltered(filters: AttemptFilter) -> AttemptFilter:
    """Return the list of the same period, or around the same moment, without filters."""
    if filters.at:
        return everything(filters.period, at=filters.at)
    return AttemptFilter(filters.period, filters.preset)


def name_of(filters: AttemptFilter) -> str:
    """Return what the chart counts, and of which account."""
    return " · ".join(str(part) for part in (kind_label(filters), chosen_account(filters)) if part)


def kind_label(filters: AttemptFilter) -> Any:
    name = filters.kind_name()
    return KINDS_LABELS.get(name) or dict(KIND_CHOICES)[filters.kinds[0]]


def hidden_choices(filters: AttemptFilter, counts: PeriodCounts) -> list[tuple[int, Choice]]:
    """Return links to what the list leaves out by default, each with its number of attempts."""
    plain = filters.replace(outcome=None, reason=None, search="", noise=Noise.HIDDEN)
    noise = plain.replace(noise=Noise.ONLY, kind=None)
    pushes = plain.replace(kind=Kind.MESSAGE_PUSH)
    self_tests = plain.replace(kind=Kind.SELF_TEST)
    named = [
        (counts.noise, gettext("internet noise"), noise),
        (counts.pushes, ngettext("message push", "message pushes", counts.pushes), pushes),
        (counts.self_tests, ngettext("self-test", "self-tests", counts.self_tests), self_tests),
    ]
    return [
        (count, Choice(label, chosen.query(), chosen == filters)) for count, label, chosen in named
    ]


def account_rows(filters: AttemptFilter, counts: PeriodCounts) -> list[CountedAccount]:
    rows = []
    for count in counts.by_account():
        counted = verifications(filters, account=count.account_id or NO_ACCOUNT)
        accepted, refused = (
            counted.replace(outcome=Outcome.ACCEPTED),
            counted.replace(outcome=Outcome.REFUSED),
        )
        rows.append(CountedAccount(count, counted.query(), accepted.query(), refused.query()))
    return rows


def bar_query(filters: AttemptFilter, bar: Bar) -> str:
    """Return the query of the list of the attempts that a bar of the chart counts."""
    period = period_of(Span(bar.start, bar.end))
    return filters.replace(period=period, preset="", at=None).query()


def verifications(filters: AttemptFilter, **changes: Any) -> AttemptFilter:
    """Return the filter for the attempts that the table of accounts counts."""
    plain = {"kind": Kind.URL_VERIFICATION, "outcome": None, "reason": None}
    return filters.replace(**plain, noise=Noise.HIDDEN, search="", **changes)
