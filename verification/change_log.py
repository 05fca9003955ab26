"""The change log: what people did to accounts, tokens, users and the log itself.

record() is the only way to write a change event. An event holds facts as data; the wording, in the
language of the page, is in verification/admin/audit_log/change_details.py.
"""

from __future__ import annotations

import getpass
from typing import Any, NamedTuple

from django.conf import settings
from django.http import HttpRequest

from verification.models import ChangeEvent, OfficialAccount
from verification.models.change_event import MAX_ACTOR_LENGTH
from verification.models.rotating_secret import RotatingSecret
from verification.protocol.client_ip import parse_client_ip

Action = ChangeEvent.Action


class Actor(NamedTuple):
    """Holds who did something, and the IP address; a command has no address."""

    name: str
    client_ip: str | None = None


def record(
    action: Action,
    actor: Actor,
    account: OfficialAccount | None = None,
    *,
    secret: RotatingSecret | None = None,
    **facts: Any,
) -> ChangeEvent:
    """Write one change event, and return it.

    `facts` are JSON values, never a secret. The old and the new value of each changed field go into
    `changes`, as {"name": ["Brand A", "Brand C"]}. Of the secret, only the fingerprint is kept.
    """
    return ChangeEvent.objects.create(
        action=action,
        actor=actor.name[:MAX_ACTOR_LENGTH],
        client_ip=actor.client_ip,
        account=account,
        token_fingerprint=secret.fingerprint if secret else "",
        facts=facts,
    )


def actor_of(request: HttpRequest) -> Actor:
    """Return who is signed in, and from which address."""
    return Actor(request.user.get_username(), client_ip(request))


def command_line_actor() -> Actor:
    """Return the operating system user who runs this command, for the change log."""
    try:
        return Actor(f"command line ({getpass.getuser()})")
    except (KeyError, OSError):  # a dyno's user has no name
        return Actor("command line")


def client_ip(request: HttpRequest | None) -> str | None:
    """Return the address that a request came from; None without a request."""
    if request is None:
        return None
    return parse_client_ip(
        request.META.get("REMOTE_ADDR", ""),
        request.META.get("HTTP_X_FORWARDED_FOR", ""),
        settings.TRUSTED_PROXY_COUNT,
    )
