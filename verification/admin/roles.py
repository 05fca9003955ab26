"""Names roles, which are flags, groups and permissions, and decides who may give them to whom."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission, User
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

#: The names of these fields of a user in the change log.
FLAGS = {"active": "is_active", "staff": "is_staff", "superuser": "is_superuser"}
GROUPS = {"Token managers": _("Token managers"), "Auditors": _("Auditors")}
EXPLAINED = {
    "Token managers": _("Connect accounts, reveal and rotate tokens, set backends, read the log."),
    "Auditors": _("Read and export the log and the change log, check it, and sign off periods."),
}
VERBS = {
    "view": _("view"),
    "add": _("add"),
    "change": _("change"),
    "delete": _("delete"),
    "reveal": _("reveal"),
    "rotate": _("rotate"),
    "export": _("export"),
    "sign": _("sign off"),
    "set": _("set"),
    "send": _("send a test message"),
    "manage": _("retry and discard"),
}


# --- Names


def name_group(group: Group) -> str:
    """Return the name of the group, translated if it is one of GROUPS."""
    return str(GROUPS.get(group.name, group.name))


def explain_group(group: Group) -> str:
    """Return the name of the group, and what its members do, if it is one of GROUPS."""
    if group.name not in EXPLAINED:
        return group.name
    name, explained = name_group(group), EXPLAINED[group.name]
    return format_html('{} <span class="explained">{}</span>', name, explained)


def name_permission(permission: Permission) -> str:
    """Return the name of the permission, such as "Accounts · view"."""
    model = permission.content_type.model_class()
    verb = VERBS.get(permission.codename.partition("_")[0])
    if model is None or verb is None:
        return permission.name
    return f"{capfirst(model._meta.verbose_name_plural)} · {verb}"


# --- Who has which


def roles_of(user: User) -> set[str]:
    """Return the user's roles: flags, groups, and permissions granted directly."""
    flags = {name for name, field in FLAGS.items() if getattr(user, field)}
    groups = set(user.groups.values_list("name", flat=True))
    return flags | groups | set(user.user_permissions.values_list("codename", flat=True))


def permissions_of(group: Group) -> set[str]:
    return set(group.permissions.values_list("codename", flat=True))


# --- Who may give them


def grantable_permissions(actor: User) -> QuerySet[Permission]:
    """Return the permissions that the actor may give: those that they have; of a superuser, all."""
    if actor.is_superuser:
        return Permission.objects.all()
    return held_permissions(actor)


def grantable_groups(actor: User) -> QuerySet[Group]:
    """Return the groups that can do no more than the actor."""
    if actor.is_superuser:
        return Group.objects.all()
    beyond = Permission.objects.filter(group=OuterRef("pk")).exclude(pk__in=held_permissions(actor))
    return Group.objects.exclude(Exists(beyond))


def can_manage_user(actor: User, user: User) -> bool:
    """Return whether the actor may change this user, because the user can do no more than they.

    Somebody who sets the password of a user can do what that user can. An inactive user can be
    activated, so the permissions of inactive users count.
    """
    if actor.is_superuser:
        return True
    beyond = held_permissions(user).exclude(pk__in=held_permissions(actor))
    return not user.is_superuser and not beyond.exists()


def can_manage_group(actor: User, group: Group) -> bool:
    """Return whether the actor may change this group. Its members could otherwise lose rights."""
    return grantable_groups(actor).filter(pk=group.pk).exists()


def held_permissions(user: User) -> QuerySet[Permission]:
    """Return the permissions of a user and of the user's groups, whether active or not."""
    return Permission.objects.filter(Q(user=user) | Q(group__user=user)).distinct()
