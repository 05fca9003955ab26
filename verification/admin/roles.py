"""Groups and permissions by the names people know, in the language of the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import Group, Permission
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    AnyModelAdmin = ModelAdmin[Any]
else:
    AnyModelAdmin = object

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
