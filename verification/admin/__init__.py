"""Registers the models with the admin: accounts can be edited, records can only be read."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib import admin
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

# The order of the imports is the order of the menu: what people need most comes first.
from verification.admin.accounts.model_admin import OfficialAccountAdmin
from verification.admin.attempts.model_admin import VerificationAttemptAdmin
from verification.admin.audit_log.change_events import ChangeEventAdmin
from verification.admin.audit_log.seals import SealAdmin
from verification.admin.audit_log.tallies import TallyAdmin
from verification.admin.deliveries import DeliveryAdmin
from verification.admin.home.page import home_context
from verification.admin.users import GatewayGroupAdmin, GatewayUserAdmin

if TYPE_CHECKING:
    from verification.auth.site import GatewayAdminSite

__all__ = [
    "ChangeEventAdmin",
    "DeliveryAdmin",
    "GatewayGroupAdmin",
    "GatewayUserAdmin",
    "OfficialAccountAdmin",
    "SealAdmin",
    "TallyAdmin",
    "VerificationAttemptAdmin",
]

admin.site.site_title = _("WeChat gateway")
admin.site.site_header = _("WeChat gateway")
admin.site.index_title = _("Home")
cast("GatewayAdminSite", admin.site).home_context = home_context
# The style sheet hides this on phones, where no column heading says what is empty.
admin.site.empty_value_display = mark_safe('<span class="nothing">–</span>')
