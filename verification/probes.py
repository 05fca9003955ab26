"""Answer probes of platforms, load balancers and Prometheus: /healthz, /readyz and /metrics."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from time import monotonic

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseNotAllowed
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from verification.callbacks.asgi import Application, Receive, Scope, Send, send_reply
from verification.callbacks.middleware import as_response
from verification.callbacks.readiness import Readiness, check_readiness
from verification.db.errors import describe
from verification.metrics import render_metrics
from verification.protocol.reply import HEALTHY, Reply
from verification.protocol.signature import constant_time_compare

logger = logging.getLogger(__name__)

#: Seconds for which /readyz repeats an answer.
READINESS_AGE = 1.0


class ReadinessCache:
    """Keeps the readiness of this process for READINESS_AGE.

    One thread at a time checks. Others wait for its result.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        self.last: tuple[Readiness, float] | None = None  #: and when it was checked

    @property
    def fresh(self) -> Readiness | None:
        """Return the last readiness, or None if it is too old."""
        if self.last is None:
            return None
        readiness, checked_at = self.last
        return readiness if monotonic() - checked_at < READINESS_AGE else None

    def get(self) -> Readiness:
        with self.lock:
            if (readiness := self.fresh) is None:
                readiness = check_readiness()
                self.last = readiness, monotonic()
                if not readiness.is_ready:
                    logger.error("Not ready: %s", readiness.text)
            return readiness


#: The readiness of this process.
readiness_cache = ReadinessCache()


class ReadinessEndpoint:
    """Answers /readyz from the cache, without Django and its thread, and passes all else on."""

    def __init__(self, django: Application) -> None:
        self.django = django

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_probe = scope["type"] == "http" and scope["path"] == "/readyz"
        readiness = readiness_cache.fresh if is_probe else None
        if readiness is None or scope["method"] not in {"GET", "HEAD"}:
            await self.django(scope, receive, send)
        else:
            await send_reply(send, reply_of(readiness))


class ProbeMiddleware:
    """Answers probes, and passes all other requests on.

    Probes use plain http and call a server by its address. So this must come before the middleware
    that refuses an unknown Host or redirects to https.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        probe = PROBES.get(request.path_info)
        if probe is None or (probe is metrics and not settings.METRICS_KEY):
            return self.get_response(request)
        return probe(request)


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

    The database must respond, accept writes, and have all migrations. The encryption keys must
    decrypt at least one of the valid tokens, if there are any. The answer may be READINESS_AGE old,
    because anyone can ask, and each check takes some twenty queries.
    """
    return as_response(reply_of(readiness_cache.get()))


def reply_of(readiness: Readiness) -> Reply:
    return Reply(200 if readiness.is_ready else 503, readiness.text.encode())


def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics to Prometheus, which sends METRICS_KEY as a bearer token."""
    if not has_metrics_key(request):
        challenge = {"WWW-Authenticate": 'Bearer realm="metrics"'}
        return as_response(Reply(401, b"Send METRICS_KEY as a bearer token.", challenge))
    # After the key, so that a stranger does not learn which methods there are.
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    try:
        body, content_type = render_metrics(request.headers.get("Accept", ""))
    except (DatabaseError, InterfaceError) as error:
        logger.error("No metrics: the database cannot be used (%s).", describe(error))
        return as_response(Reply(503, b"The database cannot be used. /readyz says why."))
    return as_response(Reply(200, body, {"Content-Type": content_type}))


def has_metrics_key(request: HttpRequest) -> bool:
    scheme, _blank, key = request.headers.get("Authorization", "").partition(" ")
    sent = key.strip().encode("latin-1", "replace")  # the bytes as they were sent
    is_equal = constant_time_compare(sent, settings.METRICS_KEY.encode())
    return is_equal and scheme.lower() == "bearer"


PROBES = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
