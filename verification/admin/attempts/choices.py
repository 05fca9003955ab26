"""Links from the list of attempts to other lists, each with whether it is the current one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from verification.attempts.counts import AccountCount, Bar, PeriodCounts
from verification.attempts.filter import NO_ACCOUNT, AttemptFilter, latest_days
from verification.models import OfficialAccount
from verification.models.choices import KIND_CHOICES, OUTCOME_CHOICES, REASON_CHOICES
from verification.protocol.enums import Kind, Outcome, Reason
from verification.times import PRESETS, Span, period_of, preset

LATEST = _("Last 90 days")
NO_ACCOUNT_LABEL = _("No such account")
#: The label of "no filter" where that leaves something out.
UNFILTERED_LABELS = {"kind": _("All but self-tests")}


class Choice(NamedTuple):
    label: Any
    query: str
    is_chosen: bool


class CountedAccount(NamedTuple):
    """Holds a row of the table, with a query for each list whose rows it counts."""

    sums: AccountCount
    all: str
    accepted: str
    refused: str


def period_name(filters: AttemptFilter) -> Any:
    """Return the name of the period, or an empty text for days that were typed in."""
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
    """Return the account that the list is filtered by, or an empty text if it is not."""
    if filters.account in {None, NO_ACCOUNT}:
        return NO_ACCOUNT_LABEL if filters.account else ""
    return OfficialAccount.objects.filter(pk=filters.account).first() or ""


def filter_choices(filters: AttemptFilter) -> list[tuple[Any, list[Choice]]]:
    """Return the title of each filter in the side bar, with its choices."""
    outcomes = [(Outcome(value), label) for value, label in OUTCOME_CHOICES]
    reasons = [(Reason(value), label) for value, label in REASON_CHOICES]
    kinds = [(Kind(value), label) for value, label in KIND_CHOICES]
    accounts = OfficialAccount.objects.values_list("id", "name")
    return [
        (_("Outcome"), choices_of(filters, "outcome", outcomes)),
        (_("Reason"), choices_of(filters, "reason", reasons)),
        (_("Kind"), choices_of(filters, "kind", kinds)),
        (
            _("Official account"),
            choices_of(filters, "account", [*accounts, (NO_ACCOUNT, NO_ACCOUNT_LABEL)]),
        ),
    ]


def choices_of(
    filters: AttemptFilter, name: str, values: Iterable[tuple[Any, Any]]
) -> list[Choice]:
    return [
        Choice(label, filters.replace(**{name: value}).query(), getattr(filters, name) == value)
        for value, label in [(None, UNFILTERED_LABELS.get(name, _("All"))), *values]
    ]


def hidden_choices(filters: AttemptFilter, counts: PeriodCounts) -> list[tuple[int, Choice]]:
    """Return links to what the list leaves out by default, each with its number of attempts."""
    plain = filters.replace(outcome=None, reason=None, account=None, search="", is_noise=False)
    noise = plain.replace(is_noise=True, kind=None)
    return [
        (counts.noise, Choice(_("internet noise"), noise.query(), filters.is_noise)),
        *(
            (count, Choice(label, plain.replace(kind=kind).query(), filters.kind is kind))
            for count, label, kind in (
                (counts.pushes, _("message pushes"), Kind.MESSAGE_PUSH),
                (counts.self_tests, _("self-tests"), Kind.SELF_TEST),
            )
        ),
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
    return verifications(filters, period=period, preset="", account=filters.account).query()


def verifications(filters: AttemptFilter, **changes: Any) -> AttemptFilter:
    """Return the filter for the attempts that the table and the chart count."""
    plain = {"kind": Kind.URL_VERIFICATION, "outcome": None, "reason": None}
    return filters.replace(**plain, is_noise=False, search="", **changes)
