"""The list of accounts: trouble first, in words, in a constant number of queries."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import InvalidPage, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from verification.accounts.status import AccountStatus, Level, read_statuses
from verification.admin.narrowing import NarrowingChangeList
from verification.attempts.filter import AttemptFilter
from verification.models import OfficialAccount
from verification.periods import Period
from verification.protocol.enums import Outcome
from verification.times import in_short, say_zone

SIGNS = {
    Level.ATTENTION: "!",
    Level.RECEIVING: "✓",
    Level.QUIET: "–",
    Level.VERIFIED: "✓",
    Level.WAITING: "–",
    Level.PAUSED: "‖",
}

if TYPE_CHECKING:
    AccountModelAdmin = admin.ModelAdmin[OfficialAccount]
else:
    AccountModelAdmin = admin.ModelAdmin


class StatusFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("attention", _("Needs attention")),
            ("receiving", _("Receiving messages")),
            ("quiet", _("No message for a week")),
            ("verified", _("Verified, not enabled (启用) yet")),
            ("waiting", _("WeChat has not called yet")),
            ("paused", _("Paused")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[OfficialAccount]
    ) -> QuerySet[OfficialAccount]:
        """A status is judged, not stored: judge them all, and keep those that have it."""
        level = {level.name.lower(): level for level in Level}.get(str(self.value()))
        if level is None:
            return queryset
        statuses = read_statuses(list(queryset))
        return queryset.filter(pk__in=[pk for pk in statuses if statuses[pk].level is level])


class AccountChangeList(NarrowingChangeList):
    """Orders by status before it cuts a page: accounts are counted in tens or hundreds."""

    troubled: list[OfficialAccount]

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        everything = list(self.root_queryset)
        statuses = read_statuses(everything)
        for account in everything:
            account.status = statuses[account.pk]
        everything.sort(key=lambda account: (statuses[account.pk].level, account.name.casefold()))
        self.troubled = [a for a in everything if statuses[a.pk].level is Level.ATTENTION]
        wanted = set(self.queryset.values_list("pk", flat=True))
        found = [account for account in everything if account.pk in wanted]
        self.result_list = found if self.show_all else self._page(found)

    def _page(self, accounts: list[OfficialAccount]) -> list[OfficialAccount]:
        try:
            return list(Paginator(accounts, self.list_per_page).page(self.page_num).object_list)
        except InvalidPage:
            return accounts


class AccountList(AccountModelAdmin):
    """What the list shows; what the pages of one account do is in accounts.py."""

    list_display = ["name", "status", "server_path", "last_push", "refused"]
    list_filter = [StatusFilter]
    search_fields = ["name", "slug", "app_id", "original_id"]
    search_help_text = _("Name, slug, AppID or original ID.")
    sortable_by = ()
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return AccountChangeList

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        context = {"title": _("Official accounts"), "zone": say_zone()}
        return super().changelist_view(request, {**context, **(extra_context or {})})

    @admin.display(description=_("state"))
    def status(self, account: Any) -> str:
        status: AccountStatus = account.status
        return format_html(
            '<span class="status is-{}"><span class="sign">{}</span>{}</span>',
            status.level.name.lower(),
            SIGNS[status.level],
            with_whole_dates(status.text),
        )

    @admin.display(description=_("server URL"))
    def server_path(self, account: OfficialAccount) -> str:
        return account.server_path

    @admin.display(description=_("last push"))
    def last_push(self, account: Any) -> str:
        time = account.status.last_push
        return in_short(time) if time else "–"

    @admin.display(description=_("refused in 24 h"))
    def refused(self, account: Any) -> Any:
        count = account.status.refused_in_24_h
        if not count:
            return "0"
        return format_html('<a href="{}">{}</a>', refused_attempts_url(account), count)


def with_whole_dates(text: str) -> str:
    """No line ends within a date: browsers take its hyphens for those of a word."""
    whole = r'<span class="date">\g<0></span>'
    return mark_safe(re.sub(r"\d{4}-\d{2}-\d{2}", whole, escape(text)))  # noqa: S308 (escaped)


def refused_attempts_url(account: OfficialAccount) -> str:
    """Of yesterday and today: the list goes by days."""
    today = timezone.localdate()
    period = Period(today - timedelta(days=1), today)
    wanted = AttemptFilter(period, account=account.pk, outcome=Outcome.REFUSED, kind=None)
    return f"{reverse('admin:verification_verificationattempt_changelist')}{wanted.query()}"
