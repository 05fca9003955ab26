"""Django admin: accounts are edited, everything that is on record is only read."""

from __future__ import annotations

from django.contrib import admin
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

# In this order the menu has them: what people come for first.
from verification.admin.accounts.model_admin import OfficialAccountAdmin
from verification.admin.attempts.model_admin import VerificationAttemptAdmin
from verification.admin.audit_log.change_events import ChangeEventAdmin
from verification.admin.audit_log.seals import SealAdmin
from verification.admin.audit_log.tallies import TallyAdmin
from verification.admin.users import GatewayGroupAdmin, GatewayUserAdmin

__all__ = [
    "ChangeEventAdmin",
    "GatewayGroupAdmin",
    "GatewayUserAdmin",
    "OfficialAccountAdmin",
    "SealAdmin",
    "TallyAdmin",
    "VerificationAttemptAdmin",
]

admin.site.site_title = _("WeChat gateway")
admin.site.site_header = _("WeChat gateway")
admin.site.index_title = _("Official accounts and their verification")
# On a phone the sheet leaves it out: there no column says what is empty.
admin.site.empty_value_display = mark_safe('<span class="nothing">–</span>')
