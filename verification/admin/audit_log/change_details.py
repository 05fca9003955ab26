"""What the detail of a change event says, in the language of the page.

It is stored as names of fields, roles and permissions, which stay the same in every language.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Permission, User
from django.core.exceptions import FieldDoesNotExist
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.admin.accounts.token_forms import RotateForm
from verification.admin.attempts.export import say_filters
from verification.admin.users import FLAGS, GROUPS, name_permission
from verification.models import ChangeEvent, OfficialAccount
from verification.models.token import UNTIL_USED
from verification.times import zoned

Action = ChangeEvent.Action


def in_words(event: ChangeEvent) -> str:
    if event.action == Action.ACCOUNT_CHANGED:
        return ", ".join(name_field(name) for name in event.detail.split(", "))
    if event.action in {Action.ROLE_GRANTED, Action.ROLE_REVOKED}:
        whose, colon, role = event.detail.rpartition(": ")
        return f"{whose}{colon}{name_role(role)}"
    if event.action == Action.TOKEN_ROTATED and event.detail:
        return f"{_('The old token stays valid')}: {name_overlap(event.detail)}"
    if event.action == Action.EXPORTED and event.facts:
        return " · ".join(say_export(event.facts))
    if event.action == Action.LOG_CHECKED:
        return say_check(event)
    if event.action == Action.PRUNED and "checkpoint" in event.facts:
        return " · ".join(say_pruning(event.facts))
    return event.detail


def say_export(facts: dict[str, Any]) -> Iterator[str]:
    rows, filters = facts["rows"], facts["filters"]
    yield facts["format"]
    yield ngettext("{count} attempt", "{count} attempts", rows).format(count=f"{rows:,}")
    yield from say_filters(filters)
    if not facts["complete"]:
        yield _("broke off")
    yield f"SHA-256 {facts['sha256']}"


def say_check(event: ChangeEvent) -> str:
    """Of which seals, only the detail says."""
    seals = re.search(r": seals ([\d,]+) to ([\d,]+)$", event.detail)
    if not seals:
        return event.detail
    intact, broken = _("intact: seals {first} to {last}"), _("not intact: seals {first} to {last}")
    said = intact if event.facts.get("is_intact") else broken
    return said.format(first=seals[1], last=seals[2])


def say_pruning(facts: dict[str, Any]) -> Iterator[str]:
    attempts = facts["attempts"]
    yield _("older than {age}").format(age=facts["older_than"])
    yield ngettext("{count} attempt", "{count} attempts", attempts).format(count=f"{attempts:,}")
    if attempts:
        first, last = (zoned(datetime.fromisoformat(facts[end])) for end in ("from", "to"))
        yield f"{first} – {last}"
    if "stopped_before" in facts:
        yield _("broke off")
    yield _("checkpoint {head}").format(head=facts["checkpoint"])


def name_field(name: str) -> str:
    try:
        field: Any = OfficialAccount._meta.get_field(name)
    except FieldDoesNotExist:  # of a version before this one
        return name
    return str(field.verbose_name)


def name_role(role: str) -> str:
    if role in FLAGS:
        field: Any = User._meta.get_field(FLAGS[role])
        return str(field.verbose_name)
    if role in GROUPS:
        return str(GROUPS[role])
    # Of two apps' permissions with one codename the first will do: their names are alike.
    permission = Permission.objects.select_related("content_type").filter(codename=role).first()
    return name_permission(permission) if permission else role


def name_overlap(stored: str) -> str:
    hours = "" if stored == UNTIL_USED else stored.removesuffix(" h")
    return str(dict(RotateForm.OVERLAPS).get(hours, stored))
