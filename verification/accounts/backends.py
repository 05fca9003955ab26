"""Sets and removes the backend of an account, and its webhook secret, with a change event each."""

from __future__ import annotations

import base64
import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from verification import change_log
from verification.accounts.rotation import current_secret
from verification.change_log import Action, Actor
from verification.fields import MASK, Secret
from verification.keys import fingerprint
from verification.models import AESKey, Backend, Delivery, OfficialAccount
from verification.models.backend import LONGEST_RETENTION
from verification.relay.addresses import validate_backend_url
from verification.relay.webhooks import PREFIX

#: How long the previous webhook secret signs as well. The backend takes the new one meanwhile.
WEBHOOK_OVERLAP = timedelta(hours=24)
#: What is known about the backend at the old URL, or about messages in the other form, says
#: nothing about the new one.
UNTRIED: dict[str, Any] = {
    "failures": 0,
    "failing_since": None,
    "last_failure": None,
    "last_failure_status": None,
    "next_probe_at": None,
    "last_success_at": None,
}
#: The fields of an account with which messages must end to be decrypted.
DECRYPTION_IDS = {"app_id", "suite_id"}
#: The fields whose change makes the backend an untried one.
NEEDS_NEW_TRY = {"url", "forwards_decrypted"}


class ChangedMeanwhile(ValidationError):
    """Raised when the webhook secret to be replaced is no longer the current one."""


def set_backend(
    account: OfficialAccount,
    url: str,
    on_failure: str,
    retention_days: int,
    actor: Actor,
    *,
    forwards_decrypted: bool = False,
) -> list[str]:
    """Give the account a backend, or change it, and return the names of the fields that changed.

    If the URL or the form of messages is new, waiting messages are due at once. Raises
    ValidationError with the names of fields.
    """
    validate(url, on_failure, retention_days)
    values = {
        "url": url,
        "on_failure": on_failure,
        "retention_days": retention_days,
        "forwards_decrypted": forwards_decrypted,
    }
    with transaction.atomic():
        _lock(account)
        backend = Backend.objects.filter(account=account).first()
        # After locking: retire() locks the account too, so the key cannot end in between.
        if forwards_decrypted and (missing := missing_for_decryption(account)):
            raise ValidationError({"forwards_decrypted": missing})
        if backend is None:
            changed = [*values]
            secret = Secret.of(generate_webhook_secret())
            Backend.objects.create(account=account, secret=secret, **values)
            facts: dict[str, Any] = {**values, "url": mask_url(url)}
            change_log.record(Action.BACKEND_SET, actor, account, **facts)
        else:
            changed = _change(backend, values, actor)
    if NEEDS_NEW_TRY.intersection(changed):
        _make_due(account)
    return changed


def _change(backend: Backend, values: dict[str, Any], actor: Actor) -> list[str]:
    old = {name: getattr(backend, name) for name in values}
    changes = {name: [old[name], new] for name, new in values.items() if old[name] != new}
    if not changes:
        return []
    fields = {name: values[name] for name in changes}
    if NEEDS_NEW_TRY.intersection(changes):
        fields |= UNTRIED
    if "url" in changes:
        changes["url"] = mask_change(old["url"], values["url"])
    # Only these: a delivery may change the circuit meanwhile.
    Backend.objects.filter(pk=backend.pk).update(**fields)
    change_log.record(Action.BACKEND_CHANGED, actor, backend.account, changes=changes)
    return [*changes]


def remove_backend(account: OfficialAccount, actor: Actor) -> bool:
    """Remove the backend. Return False if there is none.

    The messages in the spool stay, for the next backend.
    """
    with transaction.atomic():
        _lock(account)
        backend = Backend.objects.filter(account=account).first()
        if backend is None:
            return False
        backend.delete()
        change_log.record(Action.BACKEND_REMOVED, actor, account, url=mask_url(backend.url))
    return True


def validate(url: str, on_failure: str, retention_days: int) -> None:
    """Raise ValidationError, with the names of the fields, unless a backend can have these."""
    errors: dict[str, Any] = {}
    try:
        validate_backend_url(url)
    except ValidationError as error:
        errors["url"] = error
    if on_failure not in Backend.OnFailure.values:
        errors["on_failure"] = _("Choose what happens when the backend fails.")
    elif on_failure == Backend.OnFailure.KEEP and not can_keep():
        errors["on_failure"] = _(
            "Messages can only be kept in PostgreSQL, and this server uses SQLite. Let WeChat send "
            "them again, or set DATABASE_URL to a PostgreSQL database."
        )
    if not 1 <= retention_days <= LONGEST_RETENTION:
        errors["retention_days"] = _("Enter a number of days from 1 to 30.")
    if errors:
        raise ValidationError(errors)


def missing_for_decryption(account: OfficialAccount) -> Any:
    """Return what the account must have before its messages can be decrypted, or an empty text."""
    if current_secret(AESKey, account) is None:
        return _("First set the EncodingAESKey of the account: it decrypts the messages.")
    if account.receive_ids:
        return ""
    if account.is_wecom:
        return _("First enter the CorpID of the account: each encrypted message ends with it.")
    return _("First enter the AppID of the account: each encrypted message ends with it.")


def describe_decrypted_ids(account: OfficialAccount) -> Any:
    """Return a warning for new ids if the backend gets messages decrypted, or an empty text."""
    if not Backend.objects.filter(account=account, forwards_decrypted=True).exists():
        return ""
    return _(
        "The backend gets messages decrypted: from now on, only those that end with %(ids)s. "
        "Compare this with the console: no other encrypted message reaches the backend."
    ) % {"ids": " / ".join(account.receive_ids)}


def can_keep() -> bool:
    """Return whether the database can hold the spool."""
    return connection.vendor == "postgresql"


def _lock(account: OfficialAccount) -> None:
    # no_key: a stronger lock deadlocks with the writer, which reads accounts as it judges.
    OfficialAccount.objects.select_for_update(no_key=True).get(pk=account.pk)


def _make_due(account: OfficialAccount) -> None:
    """Let waiting messages be tried at once: their times are those of another backend."""
    waiting = Delivery.objects.filter(account=account, state=Delivery.State.WAITING)
    now = timezone.now()
    waiting.filter(due_at__gt=now).update(due_at=now)


# --- What of a URL is shown


def mask_url(url: str) -> str:
    """Return the URL with its query values masked: one of them may be a password."""
    parts = urlsplit(url)
    if not parts.query:
        return url
    pieces = (piece.partition("=") for piece in parts.query.split("&"))
    masked = (f"{name}={MASK}" if equals else MASK for name, equals, _value in pieces)
    return parts._replace(query="&".join(masked)).geturl()


def mask_change(old: str, new: str) -> list[str]:
    """Return both URLs masked; if that makes them equal, with fingerprints that differ."""
    masked = [mask_url(old), mask_url(new)]
    if masked[0] != masked[1]:
        return masked
    return [f"{masked[0]} ({fingerprint(url)})" for url in (old, new)]


# --- The webhook secret


def generate_webhook_secret() -> str:
    """Return a random secret of 32 bytes, as Standard Webhooks spells it."""
    return PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def reveal_webhook_secret(backend: Backend, actor: Actor) -> str:
    """Return the secret to show it to a person. Raises UndecryptableSecret."""
    assert isinstance(backend.secret, Secret)
    text = backend.secret.reveal()
    change_log.record(Action.WEBHOOK_SECRET_REVEALED, actor, backend.account)
    return text


def rotate_webhook_secret(backend: Backend, actor: Actor, *, replaces: str | None = None) -> str:
    """Give the backend a new secret, and return it. The previous one signs as well for a day.

    With `replaces`, secret_version() must not have changed since. Raises ChangedMeanwhile.
    """
    text = generate_webhook_secret()
    with transaction.atomic():
        _lock(backend.account)
        current = Backend.objects.get(pk=backend.pk)
        if replaces is not None and replaces != secret_version(current):
            raise ChangedMeanwhile(
                _("The webhook secret was rotated in the meantime; nothing was changed.")
            )
        Backend.objects.filter(pk=backend.pk).update(
            secret=Secret.of(text),
            previous_secret=current.secret,
            previous_secret_ends_at=timezone.now() + WEBHOOK_OVERLAP,
        )
        change_log.record(Action.WEBHOOK_SECRET_ROTATED, actor, backend.account)
    return text


def secret_version(backend: Backend) -> str:
    """Return a text that changes with each rotation, and says nothing about the secret."""
    ends = backend.previous_secret_ends_at
    return ends.isoformat() if ends else "first"


def previous_secret_ends(backend: Backend, now: datetime) -> datetime | None:
    """Return until when the previous webhook secret signs as well, or None if it does not."""
    ends = backend.previous_secret_ends_at
    return ends if ends and ends > now else None
