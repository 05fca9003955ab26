"""The list of accounts: trouble first, in words, in a constant number of queries."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.core.paginator import InvalidPage, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from verification.accounts.status import Level, read_statuses
from verification.admin.base import NarrowingChangeList
from verification.attempts.filter import AttemptFilter
from verification.models import OfficialAccount
from verification.protocol.enums import Outcome
from verification.times import Period

SIGNS = {
    Level.ATTENTION: "!",
    Level.RECEIVING: "✓",
    Level.QUIET: "–",
    Level.VERIFIED: "✓",
    Level.WAITING: "–",
    Level.PAUSED: "‖",
}


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
