"""Django's admin of users and groups, which records every change of a role in the change log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from verification import change_log
from verification.change_log import Action, actor_of

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
    GatewayUserModelAdmin = UserAdmin[User]
else:
    AnyModelAdmin = object
    GatewayUserModelAdmin = UserAdmin

#: The names of these fields of a user in the change log.
FLAGS = {"active": "is_active", "staff": "is_staff", "superuser": "is_superuser"}
GROUPS = {"Token managers": _("Token managers"), "Auditors": _("Auditors")}
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

admin.site.unregister(User)
admin.site.unregister(Group)


def name_group(group: Group) -> str:
    """Return the name of the group, translated if it is one of GROUPS."""
    return str(GROUPS.get(group.name, group.name))


def name_permission(permission: Permission) -> str:
    """Return the name of the permission, such as "Official accounts · view"."""
    model = permission.content_type.model_class()
    verb = VERBS.get(permission.codename.partition("_")[0])
    if model is None or verb is None:
        return permission.name
    return f"{capfirst(model._meta.verbose_name_plural)} · {verb}"


def roles_of(user: User) -> set[str]:
    """Return the user's roles: flags, groups, and permissions granted directly."""
    flags = {name for name, field in FLAGS.items() if getattr(user, field)}
    groups = set(user.groups.values_list("name", flat=True))
    return flags | groups | set(user.user_permissions.values_list("codename", flat=True))


def permissions_of(group: Group) -> set[str]:
    return set(group.permissions.values_list("codename", flat=True))


def record_role_changes(
    request: HttpRequest, before: set[str], after: set[str], **holder: Any
) -> None:
    """Record each role that `holder` (user=… or group=…) has gained or lost."""
    for action, roles in (
        (Action.ROLE_GRANTED, after - before),
        (Action.ROLE_REVOKED, before - after),
    ):
        for role in sorted(roles):
            change_log.record(action, actor_of(request), role=role, **holder)


class NamesRoles(AnyModelAdmin):
    """Offers the permissions that this admin uses as check boxes, with translated names."""

    filter_horizontal = ()

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        kwargs["widget"] = forms.CheckboxSelectMultiple
        is_group = db_field.related_model is Group
        if not is_group:
            apps = {"content_type__app_label__in": ["verification", "auth"]}
            offered = Permission.objects.filter(**apps).exclude(content_type__model="permission")
            kwargs["queryset"] = offered.select_related("content_type")
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        field.label_from_instance = name_group if is_group else name_permission
        return field


@admin.register(User)
class GatewayUserAdmin(NamesRoles, GatewayUserModelAdmin):
    list_display = ["username", "email", "member_of", "is_superuser", "is_active"]
    list_filter = ["is_active"]
    readonly_fields = ["last_login", "date_joined"]  # facts, whose fields have no labels
    show_facets = admin.ShowFacets.NEVER
    actions = ["delete_selected"]  # the site disables it elsewhere

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=_("groups"))
    def member_of(self, user: User) -> str | None:
        return ", ".join(name_group(group) for group in user.groups.all()) or None

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        # Keep the old roles for save_related(), which saves groups and permissions.
        before = User.objects.get(pk=obj.pk) if change else None
        form.roles_before = roles_of(before) if before else set()
        super().save_model(request, obj, form, change)
        actor = actor_of(request)
        if before is None:
            change_log.record(Action.USER_CREATED, actor, user=obj.username)
        elif before.username != obj.username:
            changes = {"username": [before.username, obj.username]}
            change_log.record(Action.USER_RENAMED, actor, user=obj.username, changes=changes)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        user = form.instance
        before, after = form.roles_before, roles_of(user)
        record_role_changes(request, before, after, user=user.get_username())

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        change_log.record(Action.USER_DELETED, actor_of(request), user=obj.get_username())
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            self.delete_model(request, user)

    def user_change_password(
        self,
        request: HttpRequest,
        id: str,  # noqa: A002
        form_url: str = "",
    ) -> HttpResponse:
        response = super().user_change_password(request, id, form_url)
        if request.method == "POST" and response.status_code == 302:
            user = self.get_object(request, id)
            change_log.record(Action.PASSWORD_CHANGED, actor_of(request), user=str(user))
        return response


@admin.register(Group)
class GatewayGroupAdmin(NamesRoles, GroupAdmin):
    list_display = ["shown_name"]
    actions = ["delete_selected"]

    @admin.display(description=_("name"), ordering="name")
    def shown_name(self, group: Group) -> str:
        return name_group(group)

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        before = Group.objects.get(pk=obj.pk) if change else None
        form.permissions_before = permissions_of(before) if before else set()
        super().save_model(request, obj, form, change)
        if before and before.name != obj.name:
            changes = {"name": [before.name, obj.name]}
            change_log.record(
                Action.ROLE_CHANGED, actor_of(request), group=obj.name, changes=changes
            )

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        group = form.instance
        before, after = form.permissions_before, permissions_of(group)
        record_role_changes(request, before, after, group=group.name)

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        actor = actor_of(request)
        for member in obj.user_set.order_by("username"):
            name = member.get_username()
            change_log.record(Action.ROLE_REVOKED, actor, user=name, role=obj.name)
        changes = {"name": [obj.name, None]}
        change_log.record(Action.ROLE_CHANGED, actor, group=obj.name, changes=changes)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        for group in queryset:
            self.delete_model(request, group)
