"""The landing page, and the page after too many failed sign-ins."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe


@require_safe
def landing_page(request: HttpRequest) -> HttpResponse:
    return render(request, "landing.html")


def locked_out(request: HttpRequest, *_: Any) -> HttpResponse:
    """Replace the response of the sign-in, so that it does not reveal if the password is right."""
    minutes = settings.AXES_COOLOFF_TIME // timedelta(minutes=1)
    response = render(request, "locked_out.html", {"minutes": minutes}, status=429)
    response.headers["Retry-After"] = str(minutes * 60)
    return response
