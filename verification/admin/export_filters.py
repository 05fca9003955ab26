"""What an export was narrowed to, in the language of the page, not in that of addresses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy as _

from verification.admin.attempt_choices import ALL, NOBODYS
from verification.attempts.filter import NO_ACCOUNT
from verification.models import OfficialAccount
from verification.models.choices import KIND_CHOICES, OUTCOME_CHOICES, REASON_CHOICES
from verification.periods import PRESETS
from verification.protocol.enums import Kind, Outcome, Reason, word
from verification.times import zoned

#: In the order in which they are said: PostgreSQL keeps none.
NAMES = {
    "period": _("Period"),
    "first": _("From"),
    "last": _("Through"),
    "since": _("From"),
    "until": _("Before"),
    "account": _("Official account"),
    "kind": _("Kind"),
    "outcome": _("Outcome"),
    "reason": _("Reason"),
    "q": _("Source IP or request id"),
    "noise": _("Internet noise"),
}
VALUES: dict[str, dict[Any, Any]] = {
    "period": {**PRESETS},
    "outcome": {word(Outcome(value)): label for value, label in OUTCOME_CHOICES},
    "reason": {word(Reason(value)): label for value, label in REASON_CHOICES},
    "kind": {"all": ALL["kind"], **{word(Kind(value)): label for value, label in KIND_CHOICES}},
    "noise": {"only": _("only this"), "none": _("left out")},
}


def say_filters(filters: dict[str, str]) -> Iterator[str]:
    known = [name for name in NAMES if name in filters]
    for name in [*known, *sorted(filters.keys() - known)]:
        # The list names an account by its id, the command by its slug, which may be digits too.
        is_id = name == "account" and "first" in filters
        said = name_account(filters[name]) if is_id else say_value(name, filters[name])
        yield f"{NAMES.get(name, name)}: {said}"


def say_value(name: str, value: str) -> Any:
    if name in {"since", "until"}:
        return zoned(datetime.fromisoformat(value))
    return VALUES.get(name, {}).get(value, value)


def name_account(stored: str) -> Any:
    if stored == NO_ACCOUNT:
        return NOBODYS
    return OfficialAccount.objects.filter(pk=stored).first() or stored
