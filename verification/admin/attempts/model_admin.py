from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from verification.admin.accounts.records import sign
from verification.admin.attempts.changelist import attempt_list
from verification.admin.attempts.detail import detail_context
from verification.admin.attempts.export import export_view
from verification.admin.attempts.presentation import name_called
from verification.admin.base import ReadOnlyAdmin
from verification.attempts.filter_url import parse_filter
from verification.models import VerificationAttempt
from verification.times import format_datetime


@admin.register(VerificationAttempt)
class VerificationAttemptAdmin(ReadOnlyAdmin):
    change_form_template = "admin/verification/verificationattempt/detail.html"
    pruned_up_to = "last_attempt_id"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.export))
        name = "verification_verificationattempt_export"
        return [path("export/", view, name=name), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return attempt_list(self.admin_site, request)

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """Export the attempts on all pages of the list that the query describes."""
        filters, invalid = parse_filter(request.GET)
        if invalid or not filters.is_search_understood:
            raise BadRequest("the filters are invalid")
        return export_view(self.admin_site, request, filters.queryset(), filters.as_facts())

    # --- The page of one attempt

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        return []  # detail.html shows the attempt itself

    def title_of(self, row: VerificationAttempt) -> str:
        return _("Attempt {number} — {outcome} — {called} — {time}").format(
            number=row.pk,
            outcome=f"{sign(row)} {row.get_outcome_display()}",
            called=name_called(row),
            time=format_datetime(row.recorded_at),
        )

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context.update(detail_context(request, context["original"]))
        return super().render_change_form(request, context, *args, **kwargs)
