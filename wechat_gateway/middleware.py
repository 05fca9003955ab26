"""Adds response headers for browsers that neither Django nor django-csp sets."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

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
