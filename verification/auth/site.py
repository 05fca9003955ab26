"""The admin site and its sign-in.

This is not in verification/admin, because the modules of that package register themselves here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial, wraps
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.auth import logout
from django.core.exceptions import SuspiciousOperation
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, path, reverse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.cache import never_cache
from django.views.defaults import bad_request

from verification import change_log
from verification.auth import second_factor, sessions
from verification.change_log import Action, actor_of

logger = logging.getLogger(__name__)


class GatewayAdminSite(admin.AdminSite):
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

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """Return the models in the order of their registration, the most used first."""
        order = {model: position for position, model in enumerate(self._registry)}
        apps: list[Any] = super().get_app_list(request, app_label)
        for app in apps:
            app["models"].sort(key=lambda entry: order[entry["model"]])
        return sorted(apps, key=lambda app: order[app["models"][0]["model"]])

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
