"""Users and groups as Django has them; who may do what, and since when, is in the change log."""

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

from verification.auth import sign_ins
from verification.models import ChangeEvent

if TYPE_CHECKING:
    AnyModelAdmin = admin.ModelAdmin[Any]
    GatewayUserModelAdmin = UserAdmin[User]
else:
    AnyModelAdmin = object
    GatewayUserModelAdmin = UserAdmin

Action = ChangeEvent.Action
#: The names that the change log has for these fields of a user.
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
}

admin.site.unregister(User)
admin.site.unregister(Group)


def name_group(group: Group) -> str:
    """Ours in the language of the page; others as they were named."""
    return str(GROUPS.get(group.name, group.name))


def name_permission(permission: Permission) -> str:
    """Official accounts · view"""
    model = permission.content_type.model_class()
    verb = VERBS.get(permission.codename.partition("_")[0])
    if model is None or verb is None:
        return permission.name
    return f"{capfirst(model._meta.verbose_name_plural)} · {verb}"


def roles_of(user: User) -> set[str]:
    flags = {word for word, field in FLAGS.items() if getattr(user, field)}
    groups = set(user.groups.values_list("name", flat=True))
    return flags | groups | set(user.user_permissions.values_list("codename", flat=True))


def permissions_of(group: Group) -> set[str]:
    return set(group.permissions.values_list("codename", flat=True))


def record_difference(request: HttpRequest, name: str, before: set[str], after: set[str]) -> None:
    for action, roles in (
        (Action.ROLE_GRANTED, after - before),
        (Action.ROLE_REVOKED, before - after),
    ):
        for role in sorted(roles):
            sign_ins.record(request, action, f"{name}: {role}")


class NamesRoles(AnyModelAdmin):
    """Offers the permissions that mean something in this admin, few enough to tick."""

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
    show_facets = admin.ShowFacets.NEVER

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        return super().get_queryset(request).prefetch_related("groups")

    @admin.display(description=_("groups"))
    def member_of(self, user: User) -> str | None:
        return ", ".join(name_group(group) for group in user.groups.all()) or None

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        # What it was, for save_related: groups and permissions are saved only there.
        before = User.objects.get(pk=obj.pk) if change else None
        form.roles_before = roles_of(before) if before else set()
        super().save_model(request, obj, form, change)
        if before is None:
            sign_ins.record(request, Action.USER_CREATED, obj.username)
        elif before.username != obj.username:
            sign_ins.record(request, Action.USER_RENAMED, f"{before.username} → {obj.username}")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        user = form.instance
        record_difference(request, user.get_username(), form.roles_before, roles_of(user))

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        sign_ins.record(request, Action.USER_DELETED, obj.get_username())
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
            sign_ins.record(request, Action.PASSWORD_CHANGED, str(user))
        return response


@admin.register(Group)
class GatewayGroupAdmin(NamesRoles, GroupAdmin):
    list_display = ["shown_name"]

    @admin.display(description=_("name"), ordering="name")
    def shown_name(self, group: Group) -> str:
        return name_group(group)

    def save_model(self, request: HttpRequest, obj: Group, form: Any, change: bool) -> None:
        before = Group.objects.get(pk=obj.pk) if change else None
        form.permissions_before = permissions_of(before) if before else set()
        super().save_model(request, obj, form, change)
        if before and before.name != obj.name:
            sign_ins.record(request, Action.ROLE_CHANGED, f"{before.name} → {obj.name}")

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        group = form.instance
        record_difference(request, group.name, form.permissions_before, permissions_of(group))

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        for member in obj.user_set.order_by("username"):
            sign_ins.record(request, Action.ROLE_REVOKED, f"{member.get_username()}: {obj.name}")
        sign_ins.record(request, Action.ROLE_CHANGED, f"{obj.name} → –")
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        for group in queryset:
            self.delete_model(request, group)
