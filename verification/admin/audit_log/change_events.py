"""Shows the change log with its search and filters, and routes the pages of sign-offs."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from verification.admin.audit_log import filters
from verification.admin.audit_log.change_details import describe, describe_parts
from verification.admin.audit_log.failures import describe_failures
from verification.admin.audit_log.sign_offs import list_sign_offs, signed_off
from verification.admin.audit_log.signing import sign_off
from verification.admin.base import ReadOnlyAdmin, moment_column
from verification.audit_log.change_check import describe_doubt
from verification.models import ChangeEvent
from verification.times import format_zone

#: Characters of a detail in the list. The page of the event shows all of them.
MAX_SUMMARY_LENGTH = 200
#: Lines of changed values there.
MAX_CHANGES = 6
#: Characters of an old or a new value there. A name has up to 73.
MAX_VALUE_LENGTH = 100


class RecordedIn(filters.PeriodFilter):
    field_name = "recorded_at"


@admin.register(ChangeEvent)
class ChangeEventAdmin(ReadOnlyAdmin):
    change_list_template = "admin/verification/audit/change_log.html"
    list_display = ["at", "what", "who", "about_in_short", "summary", "client_ip"]
    list_filter = [RecordedIn, filters.ActionFilter, filters.AccountFilter, filters.ActorFilter]
    search_fields = [
        "actor",
        "facts",
        "detail",
        "token_fingerprint",
        "account__name",
        "account__slug",
    ]
    search_help_text = _(
        "Search finds a person, an account, a fingerprint, or a value such as an old name or a "
        "SHA-256."
    )
    fields = [
        *("time", "by", "action", "about", "token_fingerprint", "what_exactly", "client_ip"),
        "proof",
    ]

    time = moment_column("recorded_at", _("time"))
    at = moment_column("recorded_at", _("time"), has_zone=False)

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        pages = [
            path("sign-offs/", site.admin_view(partial(list_sign_offs, site)), name="sign_offs"),
            path("sign-offs/new/", site.admin_view(partial(sign_off, site)), name="sign_off"),
            path(
                "sign-offs/<int:event_id>/",
                site.admin_view(partial(signed_off, site)),
                name="signed_off",
            ),
        ]
        return [*pages, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        response = super().changelist_view(
            request, {"zone": format_zone(), **(extra_context or {})}
        )
        if isinstance(response, TemplateResponse) and response.context_data:
            changelist = response.context_data["cl"]
            response.context_data["failures"] = describe_failures(request, changelist)
        return response

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChangeEvent]:
        # The detail page needs the join, too: it would fail to look up an account that was deleted.
        return super().get_queryset(request).select_related("account").defer("account_digests")

    @admin.display(description=_("what"))
    def what(self, event: ChangeEvent) -> str:
        return capfirst(event.get_action_display())

    @admin.display(description=_("who"))
    def by(self, event: ChangeEvent) -> str:
        return event.actor_name

    @admin.display(description=_("who"))
    def who(self, event: ChangeEvent) -> str:
        return with_title(event.actor_name)

    @admin.display(description=_("account"))
    def about_in_short(self, event: ChangeEvent) -> Any:
        about = self.about(event)
        return about if event.account_id is None else with_title(str(about))

    @admin.display(description=_("detail"))
    def summary(self, event: ChangeEvent) -> Any:
        """Return what fits into a few lines: each new value, or the beginning of a long text."""
        if event.action == ChangeEvent.Action.SIGNED_OFF:
            return self.link_to_sign_off(event)
        if "changes" in event.facts:
            return self.summarize_changes(event)
        text = " · ".join(filter(None, [event.token_fingerprint, describe(event)]))
        return Truncator(text).chars(MAX_SUMMARY_LENGTH) or self.get_empty_value_display()

    def summarize_changes(self, event: ChangeEvent) -> str:
        changes = describe_parts(event)
        lines = [shorten_values(change) for change in changes[:MAX_CHANGES]]
        if event.token_fingerprint:
            lines.insert(0, event.token_fingerprint)
        if further := changes[MAX_CHANGES:]:
            url = reverse(self.address("change"), args=[event.pk])
            count = len(further)
            text = ngettext("and {count} more change", "and {count} more changes", count)
            text = text.format(count=count)
            lines.append(format_html('<a href="{}">{}</a>', url, text))
        return join_lines(lines)

    @admin.display(description=_("detail"))
    def what_exactly(self, event: ChangeEvent) -> Any:
        if event.action == ChangeEvent.Action.SIGNED_OFF:
            return self.link_to_sign_off(event)
        if "changes" in event.facts:
            return join_lines(describe_parts(event))
        return describe(event) or self.get_empty_value_display()

    def link_to_sign_off(self, event: ChangeEvent) -> str:
        url = reverse(f"{self.admin_site.name}:signed_off", args=[event.pk])
        return format_html('<a href="{}">{}</a>', url, describe(event))

    @admin.display(description=_("proof"))
    def proof(self, event: ChangeEvent) -> str:
        if doubt := describe_doubt(event):
            return doubt
        # An event of a release that signed none is proven by the first signed one.
        return f"✓ {gettext('verifies')}" if event.mac else self.get_empty_value_display()

    @admin.display(description=_("account"))
    def about(self, event: ChangeEvent) -> Any:
        if event.account_id is None:
            return self.get_empty_value_display()
        return event.account or _("deleted since")


def shorten_values(change: str) -> str:
    """Cut the old and the new value of a change, so that both are seen."""
    return " → ".join(Truncator(part).chars(MAX_VALUE_LENGTH) for part in change.split(" → "))


def join_lines(lines: list[str]) -> str:
    return format_html_join(mark_safe("<br>"), "{}", ((line,) for line in lines))


def with_title(name: str) -> str:
    """Return a name that a narrow column may cut, with all of it in its title."""
    return format_html('<span title="{}">{}</span>', name, name)
