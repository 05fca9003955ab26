"""Describes a change event in the language of the page.

A description is made from the event's facts, which are the same in every language. Events of a
release before this one may lack facts; their stored text is shown as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.admin.accounts.secret_forms import (
    RotateAESKeyForm,
    RotateForm,
    RotateTokenForm,
)
from verification.admin.attempts.export import describe_filters
from verification.admin.roles import FLAGS, GROUPS, name_permission
from verification.change_log import Action
from verification.models import AESKey, Backend, ChangeEvent, OfficialAccount, Token
from verification.models.choices import PLATFORM_CHOICES
from verification.models.rotating_secret import RotatingSecret
from verification.times import format_datetime

Facts = dict[str, Any]


def describe(event: ChangeEvent) -> str:
    """Return what the event records in addition to its action, or an empty text."""
    return " · ".join(describe_parts(event))


def describe_parts(event: ChangeEvent) -> list[str]:
    """Return what the event records in addition to its action, such as one text for each change."""
    stored = [event.detail] if event.detail else []
    parts = DESCRIPTIONS.get(event.action)
    if parts is None or not event.facts:
        return stored
    try:
        return list(parts(event.facts))
    # A release before this one did not record a fact, or somebody altered it in the database.
    except (KeyError, TypeError, ValueError, AttributeError):
        return stored


# --- Old and new values


def describe_account(facts: Facts) -> Iterator[str]:
    yield f"{facts['name']} ({facts['slug']})"


def describe_changes_of(model: type[models.Model]) -> Callable[[Facts], Iterator[str]]:
    def describe_changes(facts: Facts) -> Iterator[str]:
        for name, (before, after) in facts["changes"].items():
            old, new = format_value(model, name, before), format_value(model, name, after)
            yield f"{name_field(model, name)}: {old} → {new}"

    return describe_changes


def format_value(model: type[models.Model], name: str, value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if issubclass(model, RotatingSecret) and name == "expires_at":
        return format_datetime(datetime.fromisoformat(value))
    if model is OfficialAccount and name == "platform":
        return str(dict(PLATFORM_CHOICES).get(value, value))
    if model is Backend and name == "on_failure":
        return str(dict(Backend.OnFailure.choices).get(value, value))
    return str(value)


def name_field(model: type[models.Model], name: str) -> str:
    try:
        field: Any = model._meta.get_field(name)
    except FieldDoesNotExist:  # of a release before this one
        return name
    return str(field.verbose_name)


# --- Secrets, users and roles


def describe_rotation_with(form: type[RotateForm]) -> Callable[[Facts], Iterator[str]]:
    def describe_rotation(facts: Facts) -> Iterator[str]:
        hours = facts["keep_old_hours"]
        if hours == 0:  # The form adds why one would choose it, which may not be why it was chosen.
            overlap: Any = _("not at all")
        else:
            choice = "" if hours is None else str(hours)
            overlap = dict(form.OVERLAPS).get(choice, f"{hours} h")
        yield f"{form.base_fields['keep_old'].label}: {overlap}"

    return describe_rotation


def describe_user(facts: Facts) -> Iterator[str]:
    yield facts["user"]


def describe_role(facts: Facts) -> Iterator[str]:
    holder = facts["user"] if "user" in facts else facts["group"]
    yield f"{holder}: {name_role(facts['role'])}"


def name_role(role: str) -> str:
    if role in FLAGS:
        return name_field(User, FLAGS[role])
    if role in GROUPS:
        return str(GROUPS[role])
    permission = find_permission(role)
    return name_permission(permission) if permission else role


@lru_cache(maxsize=256)  # Only a migration changes permissions, and the server restarts after it.
def find_permission(codename: str) -> Permission | None:
    # Two apps' permissions with one codename have the same name here, so the first one will do.
    return Permission.objects.select_related("content_type").filter(codename=codename).first()


def describe_recovery_code(facts: Facts) -> Iterator[str]:
    left = facts["left"]
    yield ngettext("{count} left", "{count} left", left).format(count=left)


# --- Backends and what waits for them


def describe_backend(facts: Facts) -> Iterator[str]:
    yield facts["url"]
    if "on_failure" in facts:
        yield format_value(Backend, "on_failure", facts["on_failure"])
    if facts.get("forwards_decrypted"):
        yield name_field(Backend, "forwards_decrypted")


def describe_messages(facts: Facts) -> Iterator[str]:
    count = facts["count"]
    yield ngettext("{count} message", "{count} messages", count).format(count=f"{count:,}")


# --- The log itself


def describe_check(facts: Facts) -> Iterator[str]:
    first, last = facts["first_seal"], facts["last_seal"]
    seals = _("seals {first} to {last}").format(first=f"{first:,}", last=f"{last:,}")
    if last < first:
        # The log is empty, or has nothing new since the check that this one continued.
        seals = _("no new seals") if last else _("no seals")
    sentence = _("intact: {seals}") if facts["is_intact"] else _("found a problem: {seals}")
    yield sentence.format(seals=seals)


def describe_export(facts: Facts) -> Iterator[str]:
    rows = facts["rows"]
    yield facts["format"]
    yield ngettext("{count} attempt", "{count} attempts", rows).format(count=f"{rows:,}")
    yield from describe_filters(facts["filters"])
    if not facts["complete"]:
        yield _("interrupted")
    yield f"SHA-256 {facts['sha256']}"


def describe_sign_off(facts: Facts) -> Iterator[str]:
    yield facts["period"]


def describe_triggers(facts: Facts) -> Iterator[str]:
    yield ", ".join(facts["triggers"])


def describe_pruning(facts: Facts) -> Iterator[str]:
    attempts = facts["attempts"]
    yield _("older than {age}").format(age=facts["older_than"])
    yield ngettext("{count} attempt", "{count} attempts", attempts).format(count=f"{attempts:,}")
    if attempts:
        first, last = (
            format_datetime(datetime.fromisoformat(facts[end])) for end in ("from", "to")
        )
        yield f"{first} – {last}"
    if failures := facts.get("failures"):
        text = ngettext("{count} counted failure", "{count} counted failures", failures)
        yield text.format(count=f"{failures:,}")
    if "stopped_before" in facts:
        yield _("interrupted")
    yield _("checkpoint {head}").format(head=facts["checkpoint"])


DESCRIPTIONS: dict[str, Callable[[Facts], Iterator[str]]] = {
    Action.ACCOUNT_CREATED: describe_account,
    Action.ACCOUNT_CHANGED: describe_changes_of(OfficialAccount),
    Action.ACCOUNT_DELETED: describe_account,
    Action.TOKEN_ROTATED: describe_rotation_with(RotateTokenForm),
    Action.TOKEN_KEPT: describe_changes_of(Token),
    Action.TOKEN_RETIRED: describe_changes_of(Token),
    Action.AES_KEY_ROTATED: describe_rotation_with(RotateAESKeyForm),
    Action.AES_KEY_KEPT: describe_changes_of(AESKey),
    Action.AES_KEY_RETIRED: describe_changes_of(AESKey),
    Action.BACKEND_SET: describe_backend,
    Action.BACKEND_CHANGED: describe_changes_of(Backend),
    Action.BACKEND_REMOVED: describe_backend,
    Action.DELIVERIES_RETRIED: describe_messages,
    Action.DELIVERIES_DISCARDED: describe_messages,
    Action.USER_CREATED: describe_user,
    Action.USER_RENAMED: describe_changes_of(User),
    Action.USER_DELETED: describe_user,
    Action.ROLE_GRANTED: describe_role,
    Action.ROLE_REVOKED: describe_role,
    Action.ROLE_CHANGED: describe_changes_of(Group),
    Action.PASSWORD_CHANGED: describe_user,
    Action.SECOND_FACTOR_RESET: describe_user,
    Action.RECOVERY_CODE_USED: describe_recovery_code,
    Action.LOG_CHECKED: describe_check,
    Action.EXPORTED: describe_export,
    Action.SIGNED_OFF: describe_sign_off,
    Action.TRIGGERS_INSTALLED: describe_triggers,
    Action.PRUNED: describe_pruning,
}
