"""Lists the tallies, with filters."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from verification.admin.audit_log import filters
from verification.admin.base import MINUTE, ReadOnlyAdmin, moment_column
from verification.models import Tally
from verification.times import format_zone


class CountedIn(filters.PeriodFilter):
    field_name = "hour"


class KindFilter(filters.ChoicesFilter):
    title = _("Kind")
    parameter_name = field_name = "kind"


class OutcomeFilter(filters.ChoicesFilter):
    title = _("Outcome")
    parameter_name = field_name = "outcome"


@admin.register(Tally)
class TallyAdmin(ReadOnlyAdmin):
    list_display = ["account_name", "hour_short", "kind", "outcome", "count", "noise", "last_short"]
    list_display_links = None  # the page of a tally would show no more than its row
    list_filter = [CountedIn, filters.AccountFilter, KindFilter, OutcomeFilter]
    list_select_related = ["account"]
    change_list_template = "admin/verification/audit/tallies.html"
    fields = ["account_name", "hour_from", "kind", "outcome", "count", "noise", "last"]

    hour_from = moment_column("hour", _("hour from"), MINUTE)
    last = moment_column("last_at", _("last"), "%H:%M:%S")
    hour_short = moment_column("hour", _("hour from"), MINUTE, has_zone=False)
    last_short = moment_column("last_at", _("last"), "%H:%M:%S", has_zone=False)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {"zone": format_zone(), **(extra_context or {})})

    @admin.display(description=_("account"))
    def account_name(self, tally: Tally) -> Any:
        if tally.account_id is None:
            return _("No such account")
        return tally.account or _("deleted since")
