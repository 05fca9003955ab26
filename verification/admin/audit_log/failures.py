"""Describes the failures that the change log counts, in addition to those that it lists."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from verification.admin.audit_log.filters import ActionFilter, PeriodFilter
from verification.models import ChangeEvent, FailureTally
from verification.times import HOUR, format_short

#: Lines above the list. Tallies beyond these are added up in one more line.
MAX_LINES = 5


def describe_failures(request: HttpRequest, changelist: ChangeList) -> list[str]:
    """Return a line for each tally that the filters of the list let through, newest first.

    A tally names neither a person nor an account, so a search for one finds none.
    """
    tallies: Any = FailureTally.objects.order_by("-hour", "-count", "id")
    if changelist.query:
        return []
    for chosen in changelist.filter_specs:
        if isinstance(chosen, PeriodFilter):
            tallies = chosen.limit(tallies, "hour")
        elif isinstance(chosen, ActionFilter):
            tallies = chosen.queryset(request, tallies)
        elif any(chosen.used_parameters.values()):
            return []
    shown = list(tallies[:MAX_LINES])
    lines = [describe_tally(tally) for tally in shown]
    total = tallies.aggregate(total=Sum("count", default=0))["total"]
    if rest := total - sum(tally.count for tally in shown):
        lines.append(_("{count} more").format(count=f"{rest:,}"))
    return lines


def describe_tally(tally: FailureTally) -> str:
    """Return a line such as "Sign-in failed ×7,412 from 203.0.113.9, 10:00–11:00"."""
    end = timezone.localtime(tally.hour + HOUR)
    line = _("{what} ×{count} from {source}, {start}–{end}")
    return line.format(
        what=capfirst(ChangeEvent.Action(tally.action).label),
        count=f"{tally.count:,}",
        source=tally.source or _("many addresses"),
        start=format_short(tally.hour),
        end=f"{end:%H:%M}",
    )
