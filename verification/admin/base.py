"""Holds what all pages of the admin share: permissions, titles, read-only models, times."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.utils import unquote
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from verification.models import Checkpoint, VerificationAttempt
from verification.times import format_datetime

#: The format of times that are shown without seconds.
MINUTE = "%Y-%m-%d %H:%M"
SECOND = "%Y-%m-%d %H:%M:%S"

if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[Any]
    AnyModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin
    AnyModelAdmin = object  # a mixin is not a ModelAdmin itself


class NarrowingChangeList(ChangeList):
    """Offers "Show all" only where a search or a filter leaves something out."""

    def get_filters_params(self, params: Any = None) -> Any:
        """Leave out the parameters that a form submits without a value."""
        chosen = super().get_filters_params(params)
        return {name: values for name, values in chosen.items() if any(values)}

    @property
    def is_narrowed(self) -> bool:
        return bool(self.query or self.get_filters_params())

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        if not self.is_narrowed:
            self.full_result_count = self.result_count


class RecordPagesMixin(AnyModelAdmin):
    """Titles pages with what they show, and says which record is missing.

    Django's own titles are "Select user to change" and "Change user".
    """

    def title_of(self, row: Any) -> str:
        return str(row)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        title = {"title": capfirst(self.opts.verbose_name_plural)}
        return super().changelist_view(request, {**title, **(extra_context or {})})

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        if row := context["original"]:
            context.update(title=self.title_of(row), subtitle=None)
        return super().render_change_form(request, context, *args, **kwargs)

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponse:
        messages.warning(request, self.describe_missing(unquote(object_id)))
        return redirect(self.address("changelist"))

    def describe_missing(self, object_id: str) -> str:
        return _("There is no {record} with the number {number}.").format(
            record=self.opts.verbose_name, number=object_id[:20]
        )

    def address(self, page: str) -> str:
        """Return the name of the URL of a page of this model."""
        return f"{self.admin_site.name}:{self.opts.app_label}_{self.opts.model_name}_{page}"


class ReadOnlyAdmin(RecordPagesMixin, ModelAdmin):
    """Shows records that nobody, not even a superuser, can add, change or delete."""

    actions: Any = None
    # Counting the rows of a large log, or sorting them by a column without an index, takes longer
    # than showing one page of it.
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    sortable_by = ()
    change_form_template = "admin/verification/read_only.html"
    change_list_template = "admin/verification/record_list.html"
    #: The attribute of Checkpoint that has the number of the last row that was pruned.
    pruned_up_to = ""

    @property
    def media(self) -> forms.Media:
        """Return no scripts, except for actions: jQuery and Django's own are for forms."""
        return super().media if self.actions else forms.Media()

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return NarrowingChangeList

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        context["crumb"] = context["original"].pk
        return super().render_change_form(request, context, *args, **kwargs)

    def title_of(self, row: Any) -> str:
        return f"{capfirst(self.opts.verbose_name)} {row.pk}"

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Redirect to the record: it never changes, so it has no history."""
        return redirect(self.address("change"), object_id)

    def describe_missing(self, object_id: str) -> str:
        """Say what became of the record: nobody can delete one, but old ones are pruned."""
        checkpoint = Checkpoint.objects.first() if self.pruned_up_to else None
        last_pruned = getattr(checkpoint, self.pruned_up_to) if checkpoint else 0
        is_number = object_id.isascii() and object_id.isdigit() and len(object_id) < 19
        if is_number and 0 < int(object_id) <= last_pruned:
            return _("{record} {number} was pruned. The log begins with number {first}.").format(
                record=capfirst(self.opts.verbose_name), number=object_id, first=last_pruned + 1
            )
        return super().describe_missing(object_id)


def moment_column(
    name: str, description: Any, pattern: str = SECOND, *, has_zone: bool = True
) -> Callable[[Any, Any], str]:
    """Return a column for `list_display` and `fields` that shows the time in attribute `name`.

    A list whose last line names the zone leaves it out of each row.
    """

    @admin.display(description=description, ordering=name)
    def column(_self: Any, row: Any) -> str:
        moment = getattr(row, name)
        if not moment:
            return "–"
        if has_zone:
            return format_datetime(moment, pattern)
        return timezone.localtime(moment).strftime(pattern)

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


def attempt_url(attempt: VerificationAttempt | None) -> str:
    """Return the page of the attempt, or an empty text without one."""
    if attempt is None:
        return ""
    return reverse("admin:verification_verificationattempt_change", args=[attempt.pk])


def account_url(account_id: int) -> str:
    """Return the page of the account."""
    return reverse("admin:verification_officialaccount_change", args=[account_id])


def redirect_to_account(request: HttpRequest, account_id: int) -> HttpResponse:
    """Redirect to the account's page, or to home if the user may not open that page."""
    is_seen = may(request, "view_officialaccount", "change_officialaccount")
    return redirect(account_url(account_id) if is_seen else "admin:index")
