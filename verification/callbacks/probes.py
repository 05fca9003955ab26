"""Answer the probes of platforms and load balancers: /healthz and /readyz."""

from __future__ import annotations

import logging
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from verification.callbacks.middleware import as_response
from verification.callbacks.readiness import check_readiness
from verification.protocol.reply import HEALTHY, Reply

logger = logging.getLogger(__name__)


class ProbeMiddleware:
    """Answers probes, and passes all other requests on.

    Probes use plain http and call a server by its address. So this must come before the middleware
    that refuses an unknown Host or redirects to https.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path_info)
        return probe(request) if probe else self.get_response(request)


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


PROBES = {"/healthz": healthz, "/readyz": readyz}
