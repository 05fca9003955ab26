"""Django admin: accounts are edited, everything that is on record is only read."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from verification.admin import accounts, attempts, change_events, seals, tallies, users

__all__ = ["accounts", "attempts", "change_events", "seals", "tallies", "users"]

admin.site.site_title = _("WeChat gateway")
admin.site.site_header = _("WeChat gateway")
admin.site.index_title = _("Official accounts and their verification")
# On a phone the sheet leaves it out: there no column says what is empty.
admin.site.empty_value_display = mark_safe('<span class="nothing">–</span>')
