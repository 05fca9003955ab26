from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from verification.admin.audit_log.change_details import describe
from verification.admin.audit_log.sign_offs import sign_off, signed_off
from verification.admin.base import ReadOnlyAdmin, moment_column
from verification.models import ChangeEvent

#: Characters of a detail in the list. The page of the event shows all of them.
MAX_SUMMARY_LENGTH = 200


@admin.register(ChangeEvent)
class ChangeEventAdmin(ReadOnlyAdmin):
    list_display = ["time", "actor", "action", "about", "token_fingerprint", "summary"]
    list_filter = ["action", "account"]
    search_fields = [
        "actor",
        "facts",
        "detail",
        "token_fingerprint",
        "account__name",
        "account__slug",
    ]
    search_help_text = _(
        "A person, an account, a fingerprint, or a value such as an old name or a SHA-256."
    )
    date_hierarchy = "recorded_at"
    fields = ["time", "actor", "action", "about", "token_fingerprint", "what_exactly", "client_ip"]

    time = moment_column("recorded_at", _("time"))

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        pages = [
            path("sign-off/", site.admin_view(partial(sign_off, site)), name="sign_off"),
            path(
                "sign-off/<int:event_id>/",
                site.admin_view(partial(signed_off, site)),
                name="signed_off",
            ),
        ]
        return [*pages, *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChangeEvent]:
        # The detail page needs the join, too: it would fail to look up an account that was deleted.
        return super().get_queryset(request).select_related("account")

    @admin.display(description=_("detail"))
    def summary(self, event: ChangeEvent) -> str:
        return Truncator(self.what_exactly(event)).chars(MAX_SUMMARY_LENGTH)

    @admin.display(description=_("detail"))
    def what_exactly(self, event: ChangeEvent) -> str:
        return describe(event) or self.get_empty_value_display()

    @admin.display(description=_("official account"))
    def about(self, event: ChangeEvent) -> Any:
        if event.account_id is None:
            return self.get_empty_value_display()
        return event.account or _("deleted since")
