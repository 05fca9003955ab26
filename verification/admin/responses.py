"""Responds to the forms of models that change, and leads to the change log as their history.

Django keeps a history of its own, which can be edited. Here, the change log is the only one.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.admin.options import IS_POPUP_VAR
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from verification.admin.base import RecordPagesMixin, may


class ChangeLoggedMixin(RecordPagesMixin):
    """Says in a few words what was saved, and leads to the change log as the history."""

    def change_log_query(self, row: Any) -> dict[str, Any]:
        """Return the query that narrows the change log to this object."""
        return {"q": str(row)}

    # --- After a form

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        if IS_POPUP_VAR in request.POST:
            return super().response_add(request, obj, post_url_continue)
        messages.success(request, _("Added {name}.").format(name=self.title_of(obj)))
        return self.next_page(request, obj)

    def response_change(self, request: HttpRequest, obj: Any) -> HttpResponse:
        if IS_POPUP_VAR in request.POST:
            return super().response_change(request, obj)
        messages.success(request, _("Saved {name}.").format(name=self.title_of(obj)))
        return self.next_page(request, obj)

    def response_delete(self, request: HttpRequest, obj_display: str, obj_id: int) -> HttpResponse:
        messages.success(request, _("Deleted {name}.").format(name=obj_display))
        return redirect(self.address("changelist") if self.sees(request) else "admin:index")

    def next_page(self, request: HttpRequest, row: Any) -> HttpResponse:
        """Redirect to the page that the pressed button names."""
        filters: dict[str, Any] = {
            "preserved_filters": self.get_preserved_filters(request),
            "opts": self.opts,
        }
        if "_addanother" in request.POST:
            url = reverse(self.address("add"))
        elif "_continue" in request.POST:
            url = reverse(self.address("change"), args=[row.pk])
        else:
            return self.response_post_save_change(request, row)
        return redirect(add_preserved_filters(filters, url))

    # --- Instead of Django's history

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write nothing: save_model() records the change."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Write nothing: save_model() records the change."""

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        """Write nothing: delete_model() records the change."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        if not self.sees(request):
            raise PermissionDenied
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not may(request, "view_changeevent"):
            return redirect(self.address("change"), row.pk)
        url = reverse("admin:verification_changeevent_changelist")
        return redirect(f"{url}?{urlencode(self.change_log_query(row))}")

    def sees(self, request: HttpRequest) -> bool:
        return self.has_view_or_change_permission(request)
