"""What browsers are told about pages and static files, beyond what Django and django-csp tell."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

#: No page of ours uses any of these, so a script that got into one may not either.
UNUSED = ["camera", "display-capture", "geolocation", "microphone", "payment", "usb"]
HEADERS = {
    # Another site's page may not load ours, not even where a picture or a script is expected.
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": ", ".join(f"{feature}=()" for feature in UNUSED),
}


class BrowserHeadersMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response
