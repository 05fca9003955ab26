"""Middleware for pages: headers for browsers, redirects to https, and URLs with NUL."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.cache import add_never_cache_headers
from django.views.defaults import bad_request

#: Browser features that no page uses. Denying them limits what an injected script could do.
DENIED_FEATURES = ["camera", "display-capture", "geolocation", "microphone", "payment", "usb"]
HEADERS = {
    # Forbid other sites to load these responses, even as a picture or a script.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in DENIED_FEATURES),
}


class BrowserHeadersMiddleware:
    """Sets each of HEADERS, unless the response has it already."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response


class NulMiddleware:
    """Refuses a NUL character in a URL with 400. PostgreSQL can neither store nor compare it.

    Django's forms refuse it themselves, but the filters and searches of its admin do not.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
            return bad_request(request, SuspiciousOperation())
        return self.get_response(request)


class HttpsRedirectMiddleware:
    """Replaces a redirect to https that would lead to itself by a page that says why.

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
        location = response.headers.get("Location", "")
        if request.is_secure() or not location.startswith("https://"):
            return response
        # A browser that has stored the redirect would follow it after the cause is mended.
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
        return "header_wrong" if self.COOKIE in request.COOKIES else ""

    def explain(self, request: HttpRequest, cause: str) -> HttpResponse:
        with translation.override(translation.get_language_from_request(request)):
            page = render_to_string("https_redirect.html", {"cause": cause}, request)
        response = HttpResponse(page, status=503)
        add_never_cache_headers(response)
        return response
