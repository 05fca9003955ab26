"""Sign-ins to the admin, successful or not, go to the change log."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.http import HttpRequest

from verification.auth import sessions
from verification.models import ChangeEvent, OfficialAccount
from verification.models.change_event import Who
from verification.protocol.client_ip import parse_client_ip

Action = ChangeEvent.Action


def connect() -> None:
    user_logged_in.connect(record_sign_in)
    user_logged_out.connect(record_sign_out)
    user_login_failed.connect(record_failed_sign_in)


def takes_a_code(user: Any) -> bool:
    """Whether the password alone does not sign this user in."""
    return bool(settings.ADMIN_REQUIRE_TOTP and user.is_active and user.is_staff)


def record_sign_in(request: HttpRequest, user: AbstractBaseUser, **_: Any) -> None:
    sessions.begin(request)
    action = Action.PASSWORD_ACCEPTED if takes_a_code(user) else Action.SIGNED_IN
    _record(action, user.get_username(), request)


def record_sign_out(request: HttpRequest, user: AbstractBaseUser | None, **_: Any) -> None:
    if user is not None:
        _record(Action.SIGNED_OUT, user.get_username(), request)


def record_failed_sign_in(
    credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    typed = str(credentials.get("username", ""))[:150]
    name = "".join(letter for letter in typed if letter.isprintable())
    _record(Action.SIGN_IN_FAILED, name, request)


def who(request: HttpRequest) -> Who:
    """Who is signed in, and from where, for the change log."""
    return {"actor": request.user.get_username(), "client_ip": client_ip(request)}


def record(
    request: HttpRequest, action: str, detail: str = "", account: OfficialAccount | None = None
) -> None:
    """Record what the person who is signed in has done."""
    # The names of a user and of a group may have 150 characters each.
    ChangeEvent.objects.create(action=action, detail=detail[:200], account=account, **who(request))


def client_ip(request: HttpRequest | None) -> str | None:
    if request is None:
        return None
    return parse_client_ip(
        request.META.get("REMOTE_ADDR", ""),
        request.META.get("HTTP_X_FORWARDED_FOR", ""),
        settings.TRUSTED_PROXY_COUNT,
    )


def _record(action: str, actor: str, request: HttpRequest | None) -> None:
    ChangeEvent.objects.create(actor=actor, action=action, client_ip=client_ip(request))
