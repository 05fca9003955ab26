"""Filters the change log and the tallies, by the fields of one form above the list."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from verification.attempts.filter import NO_ACCOUNT
from verification.change_log import Action
from verification.models import OfficialAccount
from verification.times import PRESETS, Period, can_have_records, preset

#: The actions of the change log by subject: the name of a group in URLs, its label, its actions.
ACTION_GROUPS: dict[str, tuple[Any, list[Action]]] = {
    "accounts": (
        _("Accounts"),
        [
            *(Action.ACCOUNT_CREATED, Action.ACCOUNT_CHANGED, Action.ACCOUNT_PAUSED),
            *(Action.ACCOUNT_RESUMED, Action.ACCOUNT_DELETED),
        ],
    ),
    "secrets": (
        _("Tokens and keys"),
        [
            *(Action.TOKEN_CREATED, Action.TOKEN_ROTATED, Action.TOKEN_KEPT),
            *(Action.TOKEN_RETIRED, Action.TOKEN_REVEALED),
            *(Action.AES_KEY_CREATED, Action.AES_KEY_ROTATED, Action.AES_KEY_KEPT),
            *(Action.AES_KEY_RETIRED, Action.AES_KEY_REVEALED, Action.KEYS_ROTATED),
        ],
    ),
    "backends": (
        _("Backend and deliveries"),
        [
            *(Action.BACKEND_SET, Action.BACKEND_CHANGED, Action.BACKEND_REMOVED),
            *(Action.WEBHOOK_SECRET_ROTATED, Action.WEBHOOK_SECRET_REVEALED),
            *(Action.DELIVERIES_RETRIED, Action.DELIVERIES_DISCARDED),
        ],
    ),
    "users": (
        _("Users and roles"),
        [
            *(Action.USER_CREATED, Action.USER_RENAMED, Action.USER_DELETED),
            *(Action.ROLE_GRANTED, Action.ROLE_REVOKED, Action.ROLE_CHANGED),
            *(Action.PASSWORD_CHANGED, Action.SECOND_FACTOR_SET_UP, Action.SECOND_FACTOR_RESET),
        ],
    ),
    "sign_ins": (
        _("Sign-ins"),
        [
            *(Action.SIGNED_IN, Action.PASSWORD_ACCEPTED, Action.RECOVERY_CODE_USED),
            *(Action.SIGN_IN_FAILED, Action.SECOND_FACTOR_REFUSED, Action.SIGNED_OUT),
        ],
    ),
    "log": (
        _("The log"),
        [
            *(Action.LOG_CHECKED, Action.EXPORTED, Action.SIGNED_OFF),
            *(Action.PRUNED, Action.TRIGGERS_INSTALLED, Action.ACCOUNTS_RECORDED),
        ],
    ),
}


class Option(NamedTuple):
    value: str
    label: Any
    is_chosen: bool


class SelectFilter(admin.SimpleListFilter):
    """Offers its choices in a select, which stays short to look at with a hundred accounts."""

    template = "admin/verification/audit/filter_select.html"

    def value(self) -> str | None:
        """Return the chosen value; the form submits an empty one for "All"."""
        return super().value() or None

    def groups(self) -> list[tuple[Any, list[Option]]]:
        """Return the options, each list with the label of its group or an empty text."""
        return [("", self.options(self.lookup_choices))]

    def options(self, choices: Iterable[tuple[Any, Any]]) -> list[Option]:
        return [
            Option(str(value), capfirst(str(label)), str(value) == self.value())
            for value, label in choices
        ]

    def reject_unless(self, is_known: bool) -> None:
        """Let Django drop the filter, instead of showing all rows as if they matched."""
        if not is_known:
            raise IncorrectLookupParameters(self.parameter_name)


class ActionFilter(SelectFilter):
    """Filters the change log by one action, or by all of a group."""

    title = _("what")
    parameter_name = "what"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(name, label) for name, (label, _actions) in ACTION_GROUPS.items()]

    def groups(self) -> list[tuple[Any, list[Option]]]:
        return [
            (
                label,
                self.options(
                    [
                        (name, _("All of “{group}”").format(group=label)),
                        *((action.value, action.label) for action in actions),
                    ]
                ),
            )
            for name, (label, actions) in ACTION_GROUPS.items()
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        if value in ACTION_GROUPS:
            return queryset.filter(action__in=ACTION_GROUPS[value][1])
        self.reject_unless(value in Action.values)
        return queryset.filter(action=value)


class AccountFilter(SelectFilter):
    title = _("Account")
    parameter_name = "account__id__exact"
    none_label = _("Without an account")

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        accounts = OfficialAccount.objects.order_by("name").values_list("id", "name")
        return [*((str(pk), name) for pk, name in accounts), (NO_ACCOUNT, self.none_label)]

    def options(self, choices: Iterable[tuple[Any, Any]]) -> list[Option]:
        """Offer an account that was deleted since, if it is the one chosen."""
        known, value = list(choices), self.value()
        if value and value not in {key for key, _label in known}:
            known.append((value, _("deleted since")))
        return super().options(known)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        if value == NO_ACCOUNT:
            return queryset.filter(account=None)
        self.reject_unless(value.isascii() and value.isdigit() and len(value) < 10)
        return queryset.filter(account=int(value))


class ChoicesFilter(SelectFilter):
    """Filters by a field that has choices. Subclasses name the field."""

    field_name: str

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        field = model_admin.opts.get_field(self.field_name)
        return [(str(value), label) for value, label in field.choices]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        self.reject_unless(value in {key for key, _label in self.lookup_choices})
        return queryset.filter(**{self.field_name: int(value)})


class ActorFilter(admin.ListFilter):
    """Filters the change log by the exact name of who did something."""

    title = _("who")
    template = "admin/verification/audit/filter_actor.html"
    parameter_name = "actor"

    def __init__(self, request: HttpRequest, params: dict[str, Any], *rest: Any) -> None:
        super().__init__(request, params, *rest)
        self.text = last_of(params, self.parameter_name)
        if self.text:
            self.used_parameters[self.parameter_name] = self.text
        self.users = User.objects.order_by("username").values_list("username", flat=True)[:500]

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[Any]:
        return [self.parameter_name]

    def choices(self, changelist: Any) -> Any:
        return []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(actor=self.text) if self.text else queryset


class PeriodFilter(admin.ListFilter):
    """Filters by the days from `first` through `last`, both inclusive. Subclasses name the field.

    One of the two alone limits one end.
    """

    title = _("Period")
    template = "admin/verification/audit/filter_period.html"
    field_name: str
    problem: Any = ""  #: a sentence, if the days were not understood and are ignored

    def __init__(self, request: HttpRequest, params: dict[str, Any], *rest: Any) -> None:
        super().__init__(request, params, *rest)
        texts = [last_of(params, name) for name in self.expected_parameters()]
        self.first, self.last = (parse_day(text) for text in texts)
        if any(text and not day for text, day in zip(texts, (self.first, self.last), strict=True)):
            self.problem = _("From and Through must be days such as 2026-09-29. They are ignored.")
        elif self.first and self.last and self.first > self.last:
            self.problem = _("The last day is before the first.")

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[Any]:
        return ["first", "last"]

    def choices(self, changelist: Any) -> Any:
        """Return the preset periods, each with its query and whether it is chosen."""
        today = timezone.localdate()
        periods = {name: preset(name, today) for name in PRESETS}
        return [
            {
                "display": PRESETS[name],
                "query_string": changelist.get_query_string(
                    {"first": str(period.first), "last": str(period.last)}, ["p"]
                ),
                "selected": (self.first, self.last) == tuple(period),
            }
            for name, period in periods.items()
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return self.limit(queryset, self.field_name)

    def limit(self, queryset: QuerySet[Any], field_name: str) -> QuerySet[Any]:
        if self.problem:
            return queryset
        if self.first:
            start = Period(self.first, self.first).start
            queryset = queryset.filter(**{f"{field_name}__gte": start})
        if self.last:
            end = Period(self.last, self.last).end
            queryset = queryset.filter(**{f"{field_name}__lt": end})
        return queryset


def last_of(params: dict[str, Any], name: str) -> str:
    """Take a parameter out of those that no filter has taken yet."""
    values = params.pop(name, [""])
    return str(values[-1]).strip()


def parse_day(text: str) -> date | None:
    """Return the day, or None if the text is no date or a day without records."""
    try:
        day = parse_date(text)
    except ValueError:
        return None
    return day if day and can_have_records(day) else None
