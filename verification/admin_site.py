"""The admin, and who gets in. Not in verification/admin: that package registers itself here."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, path

from verification import sessions


class GatewayAdminSite(admin.AdminSite):
    def has_permission(self, request: HttpRequest) -> bool:
        return super().has_permission(request) and not sessions.is_over(request)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        # Django's own way out is only for those who are in.
        return [path("logout/", self.logout, name="logout"), *super().get_urls()]

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.user.is_authenticated and sessions.is_over(request):
            logout(request)
        return super().login(request, extra_context)
