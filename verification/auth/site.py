"""Defines the admin site and its sign-in.

This is not in verification/admin, because the modules of that package register themselves here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial, wraps
from typing import Any
from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.contrib import admin
from django.contrib.auth import logout
from django.core.exceptions import SuspiciousOperation
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.cache import never_cache
from django.views.defaults import bad_request

from verification import change_log
from verification.auth import second_factor, sessions
from verification.auth.full_name import full_name_of
from verification.auth.menu import build_menu
from verification.auth.sign_ins import SignInForm
from verification.change_log import Action, actor_of
from verification.times import format_datetime

logger = logging.getLogger(__name__)


class GatewayAdminSite(admin.AdminSite):
    login_form = SignInForm
    index_template = "admin/home/index.html"
    #: Returns what the home page shows to the person of a request. verification.admin sets it.
    home_context: Callable[[HttpRequest], dict[str, Any]] | None = None

    def __init__(self, name: str = "admin") -> None:
        super().__init__(name)
        # Deleting in bulk does not ask each object whether it may be deleted: an account with
        # attempts may not.
        self.disable_action("delete_selected")

    def has_permission(self, request: HttpRequest) -> bool:
        return (
            super().has_permission(request)
            and not sessions.has_expired(request)
            and not second_factor.is_required(request)
        )

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Answer 400, not 500, if a filter's number or year is more than a database holds."""

        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            try:
                return view(request, *args, **kwargs)
            except (OverflowError, DataError) as error:
                if request.method not in {"GET", "HEAD"}:
                    raise
                logger.warning("Refused a filter of %s (%s).", request.path, type(error).__name__)
                return bad_request(request, SuspiciousOperation())

        return super().admin_view(answer, cacheable)

    def get_urls(self) -> list[URLResolver | URLPattern]:
        second_factor_view = never_cache(partial(second_factor.second_factor, self))
        return [
            # Django's own logout view needs a completed sign-in. This one works between the steps.
            path("logout/", self.logout, name="logout"),
            path("second-factor/", second_factor_view, name="second_factor"),
            *super().get_urls(),
        ]

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        home = self.home_context(request) if self.home_context else {}
        return super().index(request, {**home, **(extra_context or {})})

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return the groups of the menu, or one app as Django lists it."""
        apps: list[Any] = super().get_app_list(request, app_label)
        return apps if app_label else build_menu(request, self.name, apps)

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Redirect to the start page: an app's own page would say no more than the menu."""
        if not self.get_app_list(request, app_label):
            raise Http404
        return redirect(f"{self.name}:index")

    def each_context(self, request: HttpRequest) -> dict[str, Any]:
        """Add who is signed in, and what the foot of a printed page says: from where, and when."""
        return {
            **super().each_context(request),
            "public_host": public_host(),
            "opened_at": format_datetime(timezone.now(), "%Y-%m-%d %H:%M"),
            "full_name": full_name_of(request.user) if request.user.is_authenticated else "",
        }

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if request.user.is_authenticated and sessions.has_expired(request):
            logout(request)
        if request.method == "GET" and second_factor.is_required(request):
            query = urlencode({"next": request.GET.get("next", "")})
            return redirect(f"{reverse('admin:second_factor')}?{query}")
        return super().login(request, extra_context)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        response = super().password_change(request, extra_context)
        add_never_cache_headers(response)  # Django sets no such headers here
        if request.method == "POST" and response.status_code == 302:
            change_log.record(Action.PASSWORD_CHANGED, actor_of(request))
        return response


def public_host() -> str:
    """Return the host of PUBLIC_URL, or an empty text without one."""
    return urlsplit(settings.PUBLIC_URL).netloc
