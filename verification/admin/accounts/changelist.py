"""Lists accounts, those that need attention first, in a constant number of queries."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.paginator import InvalidPage, Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from verification.accounts.levels import Level
from verification.accounts.status import AccountStatus, read_sorted_statuses
from verification.admin.base import NarrowingChangeList
from verification.attempts.filter import AttemptFilter
from verification.models import OfficialAccount
from verification.models.choices import PLATFORM_CHOICES
from verification.protocol.enums import Outcome, Platform
from verification.times import Period

#: The attribute in which AccountChangeList keeps the status of an account.
STATUS = "_status"
#: The filter value for the accounts that need attention.
NEEDS_ATTENTION = "attention"


def status_of(account: OfficialAccount) -> AccountStatus:
    """Return the status of an account that AccountChangeList has read."""
    status: AccountStatus = vars(account)[STATUS]
    return status


class StatusFilter(admin.SimpleListFilter):
    """Offers the levels of a status; AccountChangeList applies the one that is chosen."""

    title = _("state")
    parameter_name = "status"
    template = "admin/verification/officialaccount/state_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        states = [(level.key, level.label) for level in Level]
        return [(NEEDS_ATTENTION, _("Needs attention")), *states]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[OfficialAccount]
    ) -> QuerySet[OfficialAccount]:
        """Return all accounts: the database stores no status to filter by."""
        return queryset

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        """Yield the states that accounts have, with their numbers, and the chosen one."""
        assert isinstance(changelist, AccountChangeList)
        levels = Counter(status_of(account).level.key for account in changelist.accounts)
        counts = {**levels, NEEDS_ATTENTION: levels["failing"] + levels["warning"]}
        for choice, key in zip(super().choices(changelist), ["", *self._keys()], strict=True):
            if not key:
                yield choice
            elif counts.get(key) or choice["selected"]:
                yield {**choice, "display": f"{choice['display']} ({counts.get(key, 0)})"}

    def _keys(self) -> list[str]:
        return [key for key, _title in self.lookup_choices]

    def levels(self) -> list[Level]:
        """Return the chosen levels; none if no valid one is chosen."""
        if self.value() == NEEDS_ATTENTION:
            return [Level.FAILING, Level.WARNING]
        return [level for level in Level if level.key == self.value()]


class PlatformFilter(admin.SimpleListFilter):
    """Offers the platforms, if accounts are on several."""

    title = _("platform")
    parameter_name = "platform"
    template = "admin/verification/officialaccount/state_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        if not has_several_platforms():
            return []
        names = dict(PLATFORM_CHOICES)
        return [(Platform(number).label, names[number]) for number in platforms_in_use()]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[OfficialAccount]
    ) -> QuerySet[OfficialAccount]:
        chosen = [platform for platform in Platform if platform.label == self.value()]
        return queryset.filter(platform__in=chosen) if chosen else queryset


def platforms_in_use() -> list[int]:
    """Return the platforms that accounts are on, in the order of their numbers."""
    platforms = OfficialAccount.objects.order_by("platform").values_list("platform", flat=True)
    return list(platforms.distinct())


def has_several_platforms() -> bool:
    return len(platforms_in_use()) > 1


class AccountChangeList(NarrowingChangeList):
    """Reads the status of every account once, to filter, count and sort by it.

    It sorts before it cuts a page. That is cheap, because there are tens or hundreds of accounts.
    """

    @cached_property
    def accounts(self) -> list[OfficialAccount]:
        """All accounts with their status, those that need attention first."""
        rows = read_sorted_statuses(self.root_queryset)
        for account, status in rows:
            vars(account)[STATUS] = status
        return [account for account, _status in rows]

    def attention(self) -> list[tuple[OfficialAccount, AccountStatus]]:
        """Return the accounts that need attention, whatever the list is filtered by."""
        rows = [(account, status_of(account)) for account in self.accounts]
        return [(account, status) for account, status in rows if status.needs_attention]

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[OfficialAccount]:
        queryset: QuerySet[OfficialAccount] = super().get_queryset(request, exclude_parameters)
        for spec in self.filter_specs:
            if isinstance(spec, StatusFilter) and (levels := spec.levels()):
                ids = [a.pk for a in self.accounts if status_of(a).level in levels]
                queryset = queryset.filter(pk__in=ids)
        return queryset

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        listed_ids = set(self.queryset.values_list("pk", flat=True))
        listed = [account for account in self.accounts if account.pk in listed_ids]
        self.result_list = listed if self.show_all else self._page(listed)

    def _page(self, accounts: list[OfficialAccount]) -> list[OfficialAccount]:
        try:
            return list(Paginator(accounts, self.list_per_page).page(self.page_num).object_list)
        except InvalidPage:
            return accounts


def with_whole_dates(text: str) -> str:
    """Return `text` as HTML that keeps each date on one line.

    Browsers break lines at the hyphens of a date as if it were a compound word.
    """
    unbroken = r'<span class="date">\g<0></span>'
    return mark_safe(re.sub(r"\d{4}-\d{2}-\d{2}", unbroken, escape(text)))  # noqa: S308 (escaped)


def refused_attempts_url(account: OfficialAccount) -> str:
    """Return the address of the account's refused attempts of yesterday and today.

    The list of attempts is filtered by whole days, so it shows at least the last 24 hours.
    """
    today = timezone.localdate()
    period = Period(today - timedelta(days=1), today)
    filters = AttemptFilter(period, account=account.pk, outcome=Outcome.REFUSED, kind=None)
    return f"{reverse('admin:verification_verificationattempt_changelist')}{filters.query()}"
