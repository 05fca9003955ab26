"""Ends a sign-in after half an hour without a page, and after a working day at the latest."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

from django.contrib.sessions import middleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

MAX_SESSION_AGE = timedelta(hours=8)
STARTED_KEY = "signed_in_at"

View = Callable[..., HttpResponseBase]


class SessionMiddleware(middleware.SessionMiddleware):
    """Extends the session with each page that reads it.

    SESSION_SAVE_EVERY_REQUEST is not used, because it also saves the session for pages that do not
    read it. They would then need the database, and answer 400 when the session is gone.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        session = request.session
        is_poll = getattr(request, "no_session_refresh", False)
        if session.accessed and not is_poll and not session.is_empty():
            session.modified = True
        return super().process_response(request, response)


def no_session_refresh(view: View) -> View:
    """Mark a view that pages call by themselves, so that it does not extend the session.

    Otherwise an open page would keep a person signed in who has left.
    """

    @wraps(view)
    def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.no_session_refresh = True  # type: ignore[attr-defined]
        return view(request, *args, **kwargs)

    return marked


def record_start(request: HttpRequest) -> None:
    request.session[STARTED_KEY] = timezone.now().timestamp()


def started_at(request: HttpRequest) -> datetime:
    """Return when this person signed in, or 1970 if the session does not say."""
    return datetime.fromtimestamp(request.session.get(STARTED_KEY, 0), UTC)


def has_expired(request: HttpRequest) -> bool:
    """Return whether this person must sign in again, even if the session was in use."""
    return timezone.now() - started_at(request) > MAX_SESSION_AGE
