from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from verification.admin.attempt_detail import AttemptDetail
from verification.admin.attempt_list import attempt_list
from verification.admin.export import export_view
from verification.attempts.filter import parse_filter
from verification.models import VerificationAttempt


@admin.register(VerificationAttempt)
class VerificationAttemptAdmin(AttemptDetail):
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
        """What the list shows, on all its pages."""
        wanted, wrong = parse_filter(request.GET)
        if wrong or not wanted.is_search_understood:
            raise BadRequest("no list has such filters")
        return export_view(self.admin_site, request, wanted.queryset(), wanted.described())
