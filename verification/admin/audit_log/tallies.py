from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from verification.admin.base import ReadOnlyAdmin, moment_column
from verification.models import Tally


@admin.register(Tally)
class TallyAdmin(ReadOnlyAdmin):
    list_display = ["hour_from", "account", "kind", "outcome", "count", "last"]
    list_display_links = None  # the page of a tally would show no more than its row
    list_filter = ["kind", "outcome", "account"]
    list_select_related = ["account"]
    date_hierarchy = "hour"
    fields = ["hour_from", "account", "kind", "outcome", "count", "last"]

    hour_from = moment_column("hour", _("hour from"), "%Y-%m-%d %H:%M")
    last = moment_column("last_at", _("last"), "%H:%M:%S")
