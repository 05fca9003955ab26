"""Middleware for pages: headers for browsers, compression, and URLs with NUL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, HttpResponseBase
from django.middleware.gzip import GZipMiddleware
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


class PageCompressionMiddleware(GZipMiddleware):
    """Compresses pages, and leaves downloads and pages that show a secret as they are.

    A download keeps its length, so that a browser notices if it ends early, and its bytes are those
    whose SHA-256 the change log has.

    BREACH reads a secret from the lengths of many compressed responses that hold it beside text of
    the attacker. Views that show one say no-transform, which tells proxies the same. On all other
    pages, Django masks the CSRF token differently in each response, and makes each response longer
    by up to 100 random bytes.
    """

    def process_response(self, request: HttpRequest, response: Any) -> Any:
        if response.streaming or "no-transform" in response.headers.get("Cache-Control", ""):
            return response
        return super().process_response(request, response)


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
