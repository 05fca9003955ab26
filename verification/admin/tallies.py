from __future__ import annotations

from django.contrib import admin

from verification.admin.read_only import ReadOnlyAdmin
from verification.models import Tally


@admin.register(Tally)
class TallyAdmin(ReadOnlyAdmin):
    list_display = ["hour", "account", "kind", "outcome", "count"]
    list_filter = ["kind", "outcome", "account"]
    list_select_related = ["account"]
    date_hierarchy = "hour"
    fields = ["hour", "account", "kind", "outcome", "count"]
