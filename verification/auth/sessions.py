"""How long a sign-in lasts: until half an hour without a page, and a working day at most."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any

from django.contrib.sessions import middleware
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

LONGEST = timedelta(hours=8)
STARTED = "signed_in_at"

View = Callable[..., HttpResponseBase]


class SessionMiddleware(middleware.SessionMiddleware):
    """Each page that reads the session puts off its end.

    Not by SESSION_SAVE_EVERY_REQUEST: that saves for pages which never asked who is there, so
    they would need the database, and answer 400 when the session is no longer in it.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        session = request.session
        is_poll = getattr(request, "no_session_refresh", False)
        if session.accessed and not is_poll and not session.is_empty():
            session.modified = True
        return super().process_response(request, response)


def no_session_refresh(view: View) -> View:
    """For what a page asks by itself: it must not keep somebody signed in who has left."""

    @wraps(view)
    def marked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        request.no_session_refresh = True  # type: ignore[attr-defined]
        return view(request, *args, **kwargs)

    return marked


def begin(request: HttpRequest) -> None:
    request.session[STARTED] = timezone.now().timestamp()


def started_at(request: HttpRequest) -> datetime:
    """When this person signed in; long ago when nobody noted it."""
    return datetime.fromtimestamp(request.session.get(STARTED, 0), UTC)


def is_over(request: HttpRequest) -> bool:
    """Whether this person has to sign in again, however busy the session was."""
    return timezone.now() - started_at(request) > LONGEST
