"""The Django adapter: a middleware that answers callbacks under any server, runserver included."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase

from verification.callbacks.log_lines import log_unrecorded
from verification.callbacks.recording import Unrecorded, verify
from verification.keys import self_test_key
from verification.protocol.callback import KNOWN_HEADERS, Request, parse_callback, path_slug
from verification.protocol.reply import TRY_AGAIN, Reply, reply_to


class CallbackMiddleware:
    """Answers callbacks, and passes all other requests on.

    This must be the first middleware, and not a view: the middleware after it would redirect WeChat
    to https, refuse an unknown Host or ask for a CSRF token.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, http_request: HttpRequest) -> HttpResponseBase:
        request = parse_request(http_request)
        slug = path_slug(request)
        if slug is None:
            return self.get_response(http_request)
        if http_request.method == "POST":
            http_request.read()  # The body is not used: WeChat signs the query string.
        callback = parse_callback(request, slug, settings.TRUSTED_PROXY_COUNT, self_test_key())
        try:
            verdict = verify([callback])[0]
        except Unrecorded as error:
            log_unrecorded(callback, error)
            return as_response(TRY_AGAIN)
        return as_response(reply_to(callback, verdict))


def parse_request(http_request: HttpRequest) -> Request:
    meta = http_request.META
    names = {name: f"HTTP_{name.upper().replace('-', '_')}" for name in KNOWN_HEADERS}
    return Request(
        method=str(http_request.method),
        path=meta.get("PATH_INFO", "/").encode("utf-8", "replace"),  # Django has decoded it.
        query=meta.get("QUERY_STRING", "").encode("latin-1", "replace"),
        headers={name: str(meta.get(key, "")) for name, key in names.items()},
        peer=meta.get("REMOTE_ADDR", ""),
        scheme=meta.get("wsgi.url_scheme", "http"),
        http_version=meta.get("SERVER_PROTOCOL", "HTTP/1.1").rpartition("/")[2],
    )


def as_response(reply: Reply) -> HttpResponse:
    return HttpResponse(reply.body, status=reply.status, headers=reply.headers)
