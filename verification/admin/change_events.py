from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from verification.admin.read_only import ReadOnlyAdmin
from verification.models import ChangeEvent


@admin.register(ChangeEvent)
class ChangeEventAdmin(ReadOnlyAdmin):
    list_display = ["recorded_at", "actor", "action", "account", "token_fingerprint", "detail"]
    list_filter = ["action", "account"]
    # Also spares the look-up of an account that was deleted since.
    list_select_related = ["account"]
    search_fields = ["actor", "detail", "token_fingerprint", "account__name", "account__slug"]
    search_help_text = _("A person, an account, a fingerprint, or a word of the detail.")
    date_hierarchy = "recorded_at"
    fields = [
        "recorded_at",
        "actor",
        "action",
        "account",
        "token_fingerprint",
        "detail",
        "client_ip",
    ]
