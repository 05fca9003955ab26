"""Builds the menu of the admin: its groups, in the order in which people need them.

An entry leads to the list of a model, or to a page without a model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class ModelEntry:
    name: Promise
    label: str  #: such as "verification.Seal"


@dataclass(frozen=True)
class PageEntry:
    """Names a page without a model, for users with at least one of the permissions."""

    name: Promise
    url_name: str
    permissions: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    key: str
    name: Promise
    entries: tuple[ModelEntry | PageEntry, ...]


MENU = (
    Group(
        "accounts",
        _("Accounts"),
        (
            ModelEntry(_("Accounts"), "verification.OfficialAccount"),
            ModelEntry(_("Messages in the spool"), "verification.Delivery"),
        ),
    ),
    Group(
        "audit",
        _("Audit"),
        (
            ModelEntry(_("Verification attempts"), "verification.VerificationAttempt"),
            ModelEntry(_("Change log"), "verification.ChangeEvent"),
            PageEntry(_("Sign-offs"), "sign_offs", ("verification.view_changeevent",)),
            PageEntry(_("Integrity"), "integrity", ("verification.view_seal",)),
            ModelEntry(_("Seals"), "verification.Seal"),
            ModelEntry(_("Tallies"), "verification.Tally"),
        ),
    ),
    Group(
        "users",
        _("Users"),
        (ModelEntry(_("Users"), "auth.User"), ModelEntry(_("Groups"), "auth.Group")),
    ),
)


def build_menu(request: HttpRequest, site_name: str, apps: list[Any]) -> list[Any]:
    """Return the groups with the entries that the user may see, in the form of an app list.

    `apps` is Django's list, which has only models that the user may see.
    """
    models = {row["model"]._meta.label: row for app in apps for row in app["models"]}
    groups: list[dict[str, Any]] = [
        {
            "name": group.name,
            "app_label": group.key,
            "app_url": reverse(f"{site_name}:index"),
            "has_module_perms": True,
            "models": list(find_entries(group, request, site_name, models)),
        }
        for group in MENU
    ]
    menu = [group for group in groups if group["models"]]
    mark_current(request.path, [entry for group in menu for entry in group["models"]])
    return menu


def find_entries(
    group: Group, request: HttpRequest, site_name: str, models: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    for entry in group.entries:
        if isinstance(entry, ModelEntry):
            if entry.label in models:
                yield {**models[entry.label], "name": entry.name}
        elif any(request.user.has_perm(name) for name in entry.permissions):
            yield {
                "name": entry.name,
                "object_name": entry.url_name.replace("_", ""),
                "admin_url": reverse(f"{site_name}:{entry.url_name}"),
                "add_url": None,
                "view_only": True,
                "model": None,
            }


def mark_current(path: str, entries: list[dict[str, Any]]) -> None:
    """Set `is_current` of the entry whose area the path belongs to, and `is_open` of its list.

    One area can be within another: the change log has the sign-offs below it.
    """
    containing = [entry for entry in entries if path.startswith(entry["admin_url"] or "\n")]
    current = max(containing, key=lambda entry: len(entry["admin_url"]), default=None)
    for entry in entries:
        entry["is_current"] = entry is current
        entry["is_open"] = entry["admin_url"] == path
