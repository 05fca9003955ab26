"""Django's admin of users and groups, which records every change of a role in the change log."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from verification import change_log
from verification.admin.base import MINUTE, moment_column
from verification.admin.responses import ChangeLoggedMixin
from verification.admin.roles import (
    can_manage_group,
    can_manage_user,
    explain_group,
    grantable_groups,
    grantable_permissions,
    name_group,
    name_permission,
    permissions_of,
    roles_of,
)
from verification.admin.user_forms import ChangedUserForm, NewPasswordForm, NewUserForm
from verification.auth.full_name import full_name_of
from verification.change_log import Action, actor_of
from verification.models import TotpDevice

if TYPE_CHECKING:
    GatewayUserModelAdmin = UserAdmin[User]
else:
    GatewayUserModelAdmin = UserAdmin

admin.site.unregister(User)
admin.site.unregister(Group)


def with_phone_label(column: Callable[[Any, Any], Any]) -> Callable[[Any, Any], str]:
    """Return the column with its heading in each cell, which CSS shows on phones alone."""

    @wraps(column)
    def labelled(model_admin: Any, row: Any) -> str:
        heading = capfirst(column.short_description)  # type: ignore[attr-defined]
        value = column(model_admin, row)
        return format_html('<span class="phone-label">{}: </span>{}', heading, value)

    return labelled


def yes_or_no(value: bool, *, usually: bool | None = None) -> str:
    """Return Django's icon with a word for it. On a phone, the usual value is left out."""
    name, word = ("yes", gettext("Yes")) if value else ("no", gettext("No"))
    css_class = "nothing" if value == usually else ""
    icon = static(f"admin/img/icon-{name}.svg")
    return format_html('<img src="{}" alt="{}" class="{}">', icon, word, css_class)


def signed_in(request: HttpRequest) -> User:
    """Return the person of a request to the admin, which lets nobody else in."""
    assert isinstance(request.user, User)
    return request.user


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


class RolesMixin(ChangeLoggedMixin):
    """Offers roles as check boxes with translated names: those that the person may give.

    Nobody can give a role that they do not have, or change somebody who can do more than they.
    """

    filter_horizontal = ()
    #: Returns whether the user may change the object.
    can_manage: Callable[[User, Any], bool]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may_change: bool = super().has_change_permission(request, obj)
        return may_change and (obj is None or type(self).can_manage(signed_in(request), obj))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        may_delete: bool = super().has_delete_permission(request, obj)
        return may_delete and (obj is None or type(self).can_manage(signed_in(request), obj))

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        kwargs["widget"] = forms.CheckboxSelectMultiple
        is_group = db_field.related_model is Group
        if is_group:
            kwargs["queryset"] = grantable_groups(signed_in(request))
        else:
            apps = {"content_type__app_label__in": ["verification", "auth"]}
            offered = grantable_permissions(signed_in(request)).filter(**apps)
            offered = offered.exclude(content_type__model="permission")
            kwargs["queryset"] = offered.select_related("content_type")
        field: Any = super().formfield_for_manytomany(db_field, request, **kwargs)
        field.label_from_instance = explain_group if is_group else name_permission
        return field

    def get_deleted_objects(self, objs: Any, request: Any) -> Any:
        """List the users or groups alone: Django names the rows that join them by their numbers."""
        _rows, _counts, forbidden, protected = super().get_deleted_objects(objs, request)
        counts = {self.opts.verbose_name_plural: len(objs)}
        return [self.title_of(row) for row in objs], counts, forbidden, protected

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Offer no link that adds a group in a window of its own."""
        field: Any = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.many_to_many and hasattr(field.widget, "can_add_related"):
            field.widget.can_add_related = False
        return field


PERMISSIONS: tuple[Any, Any] = (
    _("Single permissions"),
    {
        "fields": ["user_permissions"],
        "classes": ["collapse"],
        "description": _("In addition to those of the groups. Usually there are none."),
    },
)


@admin.register(User)
class GatewayUserAdmin(RolesMixin, GatewayUserModelAdmin):
    list_display = [
        *("username", "full_name", "member_of", "has_second_factor", "last_sign_in"),
        *("superuser", "active"),
    ]
    list_filter = ["is_active"]
    readonly_fields = ["last_sign_in", "joined"]
    show_facets = admin.ShowFacets.NEVER
    actions = ["delete_selected"]  # the site disables it elsewhere
    form, add_form, change_password_form = ChangedUserForm, NewUserForm, NewPasswordForm
    add_form_template = None  # Django's tells people that a second page will follow
    fieldsets = [
        (None, {"fields": ["username", "password", "full_name", "email"]}),
        (_("Permissions"), {"fields": ["is_active", "is_staff", "groups", "is_superuser"]}),
        PERMISSIONS,
        (_("Important dates"), {"fields": ["last_sign_in", "joined"]}),
    ]
    add_fieldsets = [
        (None, {"fields": ["username", "full_name", "password1", "password2"]}),
        (_("Permissions"), {"fields": ["groups", "is_staff"]}),
    ]

    can_manage = staticmethod(can_manage_user)
    last_sign_in = with_phone_label(moment_column("last_login", _("last sign-in"), MINUTE))
    joined = moment_column("date_joined", _("date joined"), MINUTE)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        devices = TotpDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        users: QuerySet[User] = super().get_queryset(request).prefetch_related("groups")
        return users.annotate(has_device=Exists(devices))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Let only superusers make somebody a superuser."""
        fields = super().get_readonly_fields(request, obj)
        return fields if signed_in(request).is_superuser else [*fields, "is_superuser"]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"is_staff": True, **super().get_changeform_initial_data(request)}

    @admin.display(description=_("full name"), ordering="first_name")
    def full_name(self, user: User) -> str:
        return full_name_of(user)

    @admin.display(description=_("groups"))
    def member_of(self, user: User) -> str | None:
        return ", ".join(name_group(group) for group in user.groups.all()) or None

    @with_phone_label
    @admin.display(description=_("second factor"), ordering="has_device")
    def has_second_factor(self, user: Any) -> str:
        return yes_or_no(user.has_device)

    @with_phone_label
    @admin.display(description=_("superuser"), ordering="is_superuser")
    def superuser(self, user: User) -> str:
        return yes_or_no(user.is_superuser, usually=False)

    @with_phone_label
    @admin.display(description=_("active"), ordering="is_active")
    def active(self, user: User) -> str:
        return yes_or_no(user.is_active, usually=True)

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

    def next_page(self, request: HttpRequest, row: User) -> HttpResponse:
        if roles_of(row) <= {"active", "staff"}:
            sentence = gettext(
                "The user {user} is in no group and has no permission, so sees nothing here."
            )
            messages.warning(request, sentence.format(user=row.get_username()))
        elif not row.is_staff:
            sentence = gettext("The user {user} cannot sign in: tick Staff status.")
            messages.warning(request, sentence.format(user=row.get_username()))
        return super().next_page(request, row)

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        super().delete_model(request, obj)
        change_log.record(Action.USER_DELETED, actor_of(request), user=obj.get_username())

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
class GatewayGroupAdmin(RolesMixin, GroupAdmin):
    list_display = ["shown_name"]
    actions = ["delete_selected"]
    can_manage = staticmethod(can_manage_group)

    def title_of(self, row: Group) -> str:
        return name_group(row)

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
        members = [user.get_username() for user in obj.user_set.order_by("username")]
        # The events come last: others wait with theirs until the end of the transaction.
        super().delete_model(request, obj)
        for name in members:
            change_log.record(Action.ROLE_REVOKED, actor, user=name, role=obj.name)
        changes = {"name": [obj.name, None]}
        change_log.record(Action.ROLE_CHANGED, actor, group=obj.name, changes=changes)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        for group in queryset:
            self.delete_model(request, group)
