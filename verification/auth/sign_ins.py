"""Records sign-ins to the admin, successful or not, in the change log."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from verification import change_log
from verification.auth import sessions
from verification.auth.failures import record_failure
from verification.change_log import Action, Actor, client_ip
from verification.models.change_event import MAX_ACTOR_LENGTH
from verification.protocol.client_ip import canonical_ip


def connect() -> None:
    user_logged_in.connect(record_sign_in)
    user_logged_out.connect(record_sign_out)
    user_login_failed.connect(record_failed_sign_in)


class SignInForm(AdminAuthenticationForm):
    """Treats the right password of a user who is not staff as a failed sign-in.

    It is recorded and counted like a wrong password. Otherwise, that no lock follows would tell
    that the password is right.
    """

    def clean_username(self) -> str:
        """Cut what is longer than any user name, so that the failure can be recorded."""
        username: str = self.cleaned_data["username"]
        return username[: MAX_ACTOR_LENGTH + 1]

    def confirm_login_allowed(self, user: Any) -> None:
        try:
            super().confirm_login_allowed(user)
        except ValidationError:
            credentials = {"username": user.get_username()}
            user_login_failed.send(sender=__name__, credentials=credentials, request=self.request)
            raise


def requires_code(user: Any) -> bool:
    """Return whether this user needs a code in addition to the password."""
    return bool(settings.ADMIN_REQUIRE_TOTP and user.is_active and user.is_staff)


def lockout_address(request: HttpRequest) -> str | None:
    """Return the address that failed sign-ins of a user are counted for.

    If the trusted proxy passes on no valid address, it is the proxy's. Without an address, all
    sign-ins of a user would share one lock, whatever they come through.
    """
    return client_ip(request) or canonical_ip(request.META.get("REMOTE_ADDR", ""))


def record_sign_in(request: HttpRequest, user: AbstractBaseUser, **_: Any) -> None:
    sessions.record_start(request)
    action = Action.PASSWORD_ACCEPTED if requires_code(user) else Action.SIGNED_IN
    change_log.record(action, Actor(user.get_username(), client_ip(request)))


def record_sign_out(request: HttpRequest, user: AbstractBaseUser | None, **_: Any) -> None:
    if user is not None:
        change_log.record(Action.SIGNED_OUT, Actor(user.get_username(), client_ip(request)))


def record_failed_sign_in(
    credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    username = str(credentials.get("username", ""))[:MAX_ACTOR_LENGTH]
    name = "".join(letter for letter in username if letter.isprintable())
    record_failure(Action.SIGN_IN_FAILED, Actor(name, client_ip(request)))
