"""Permissions, read-only model admins and columns of times, for all pages of the admin."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.admin import helpers
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import capfirst

from verification.times import format_datetime

#: The format of times that are shown without seconds.
MINUTE = "%Y-%m-%d %H:%M"

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class NarrowingChangeList(ChangeList):
    """Offers "Show all" only where a search or a filter leaves something out."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not (self.query or self.get_filters_params()):
            self.full_result_count = self.result_count


class ReadOnlyAdmin(ModelAdmin):
    """Shows records that nobody, not even a superuser, can add, change or delete."""

    actions: Any = None
    # Counting the rows of a large log, or sorting them by a column without an index, takes longer
    # than showing one page of it.
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    change_form_template = "admin/verification/read_only.html"
    change_list_template = "admin/verification/record_list.html"

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NarrowingChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, {**title, **(extra_context or {})})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context.update(title=self.title_of(context["original"]), subtitle=None)
        return super().render_change_form(request, context, *args, **kwargs)

    def title_of(self, row: Any) -> str:
        return f"{capfirst(self.opts.verbose_name)} {row.pk}"


def moment_column(
    name: str, description: Any, pattern: str = "%Y-%m-%d %H:%M:%S"
) -> Callable[[Any, Any], str]:
    """Return a column for `list_display` and `fields` that shows the time in attribute `name`."""

    @admin.display(description=description, ordering=name)
    def column(_: Any, row: Any) -> str:
        moment = getattr(row, name)
        return format_datetime(moment, pattern) if moment else "–"

    return column


def may(request: HttpRequest, *permissions: str) -> bool:
    """Return whether the user of this request has at least one of the permissions."""
    return any(request.user.has_perm(f"verification.{name}") for name in permissions)


def require(request: HttpRequest, *permissions: str) -> None:
    """Raise PermissionDenied unless the user has at least one of the permissions."""
    if not may(request, *permissions):
        raise PermissionDenied


def lay_out(form: forms.Form, fields: list[str]) -> helpers.AdminForm:
    """Return these fields of the form in the admin's own layout, for admin/includes/fieldset.html.

    AdminForm works with any form, although its type names ModelForm alone.
    """
    return helpers.AdminForm(form, [(None, {"fields": fields})], {})  # type: ignore[arg-type]


def account_url(account_id: int) -> str:
    return reverse("admin:verification_officialaccount_change", args=[account_id])
