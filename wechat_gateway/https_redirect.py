"""Explains redirects to https that would not end."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.cache import add_never_cache_headers


class HttpsRedirectMiddleware:
    """Replaces a redirect to https that would lead to itself with a page that says why.

    Behind a proxy, only X-Forwarded-Proto says whether the browser used https. If the header is not
    believed, is missing or is wrong, SecurityMiddleware redirects https to https without end.
    """

    #: Set with a redirect. If the browser comes back with it, the redirect has led to itself.
    COOKIE = "https_redirect"
    COOKIE_SECONDS = 10

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if request.is_secure():
            if request.COOKIES.get(self.COOKIE):
                response.delete_cookie(self.COOKIE)
            return response
        if not response.headers.get("Location", "").startswith("https://"):
            return response
        # A browser that has stored the redirect would follow it after the cause is fixed.
        add_never_cache_headers(response)
        if cause := self.find_cause(request):
            return self.explain(request, cause)
        response.set_cookie(self.COOKIE, "1", max_age=self.COOKIE_SECONDS, httponly=True)
        return response

    def find_cause(self, request: HttpRequest) -> str:
        """Return why the redirect would lead to itself, or an empty string if it would not."""
        if not settings.TRUSTED_PROXY_COUNT:
            return "no_proxy_trusted"
        if "X-Forwarded-Proto" not in request.headers:
            return "header_missing"
        return "header_wrong" if request.COOKIES.get(self.COOKIE) else ""

    def explain(self, request: HttpRequest, cause: str) -> HttpResponse:
        with translation.override(translation.get_language_from_request(request)):
            page = render_to_string("https_redirect.html", {"cause": cause}, request)
        response = HttpResponse(page, status=503)
        add_never_cache_headers(response)
        return response
