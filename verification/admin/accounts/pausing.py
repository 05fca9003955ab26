"""Pausing and resuming, each asked once more with what followers will notice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from verification.accounts.pausing import pause, resume
from verification.accounts.status import AccountStatus, read_statuses
from verification.admin.accounts.pages import render_page
from verification.admin.base import account_url, require
from verification.change_log import actor_of
from verification.models import OfficialAccount
from verification.protocol.console import SERVICE_FAILURE_MESSAGE


@dataclass(frozen=True)
class Step:
    """Pausing, or resuming: the same page, in other words."""

    page: str
    question: Any
    question_of_one: Any
    act: Callable[..., None]
    changes: dict[str, bool]  #: the accounts that it changes

    def ask(self, accounts: QuerySet[OfficialAccount]) -> HttpResponse:
        """Go on to the page that asks."""
        query = urlencode([("account", account.pk) for account in accounts])
        return redirect(f"{reverse(self.page)}?{query}")

    def confirm(self, site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
        require(request, "change_officialaccount")
        accounts = list(chosen(request).filter(**self.changes))
        if request.method == "POST":
            return self.do(request, accounts)
        only = accounts[0] if len(accounts) == 1 else None
        statuses = read_statuses(accounts)
        context: dict[str, Any] = {
            "title": self.question_of_one % {"account": only} if only else self.question,
            "is_pausing": self is PAUSE,
            "rows": [(account, statuses[account.pk]) for account in accounts],
            "live": live(accounts, statuses),
            "followers_read": SERVICE_FAILURE_MESSAGE,
        }
        return render_page(request, site, "pause.html", only, context)

    def do(self, request: HttpRequest, accounts: list[OfficialAccount]) -> HttpResponse:
        for account in accounts:
            self.act(account, actor_of(request))
        count = len(accounts)
        message = ngettext("%(count)d account changed.", "%(count)d accounts changed.", count)
        messages.success(request, message % {"count": count})
        if count == 1:
            return redirect(account_url(accounts[0].pk))
        return redirect("admin:verification_officialaccount_changelist")


PAUSE = Step(
    "admin:pause_accounts",
    _("Pause these accounts?"),
    _("Pause %(account)s?"),
    pause,
    changes={"is_paused": False},
)
RESUME = Step(
    "admin:resume_accounts",
    _("Resume these accounts?"),
    _("Resume %(account)s?"),
    resume,
    changes={"is_paused": True},
)


def chosen(request: HttpRequest) -> QuerySet[OfficialAccount]:
    """Those of the query; no account's id has more than nine digits."""
    texts = request.GET.getlist("account")
    ids = [text for text in texts if text.isascii() and text.isdigit() and len(text) < 10]
    return OfficialAccount.objects.filter(pk__in=ids)


def live(
    accounts: list[OfficialAccount], statuses: dict[int, AccountStatus]
) -> list[OfficialAccount]:
    """Those whose followers will notice."""
    return [account for account in accounts if statuses[account.pk].last_push]
