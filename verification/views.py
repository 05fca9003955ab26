"""The landing page, the page after too many failed sign-ins, /healthz and /readyz."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from verification.callbacks.middleware import as_response
from verification.callbacks.readiness import check_readiness
from verification.protocol.reply import HEALTHY, Reply

logger = logging.getLogger(__name__)


@require_safe
def landing_page(request: HttpRequest) -> HttpResponse:
    return render(request, "landing.html")


def locked_out(request: HttpRequest, *_: Any) -> HttpResponse:
    """Replace the response of the sign-in, so that it does not reveal if the password is right."""
    minutes = settings.AXES_COOLOFF_TIME // timedelta(minutes=1)
    response = render(request, "locked_out.html", {"minutes": minutes}, status=429)
    response.headers["Retry-After"] = str(minutes * 60)
    return response


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Return 200 while this process responds.

    The database is not checked, so that its outage does not restart the process.
    """
    return as_response(HEALTHY)


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Return 200 if attempts can be recorded and judged, else 503 and what is wrong.

    The database must respond, accept writes, and have all migrations and triggers. The encryption
    keys must decrypt at least one of the valid tokens, if there are any.
    """
    readiness = check_readiness()
    if not readiness.is_ready:
        logger.error("Not ready: %s", readiness.text)
    return as_response(Reply(200 if readiness.is_ready else 503, readiness.text.encode()))
