"""Pauses and resumes accounts, after a page that says who will notice."""

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

from verification.accounts.pausing import pause, resume
from verification.accounts.status import read_statuses
from verification.admin.accounts.pages import render_page
from verification.admin.base import account_url, require
from verification.change_log import actor_of
from verification.models import OfficialAccount
from verification.protocol.console import MINI_PROGRAM_FAILURE_MESSAGE, SERVICE_FAILURE_MESSAGE
from verification.protocol.enums import Platform

LIST = "admin:verification_officialaccount_changelist"


@dataclass(frozen=True)
class Step:
    """Pauses or resumes accounts, and holds the texts of the page that asks for it."""

    page: str
    question: Any
    question_of_one: Any
    done: Any
    done_with_one: Any
    act: Callable[..., bool]
    changes: dict[str, bool]  #: the filter for the accounts that it changes

    def ask(self, accounts: QuerySet[OfficialAccount]) -> HttpResponse:
        """Redirect to the page that asks for confirmation."""
        query = urlencode([("account", account.pk) for account in accounts])
        return redirect(f"{reverse(self.page)}?{query}")

    def confirm(self, site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
        require(request, "change_officialaccount")
        accounts = list(chosen_accounts(request).filter(**self.changes))
        only = accounts[0] if len(accounts) == 1 else None
        if request.method == "POST":
            for account in accounts:
                self.act(account, actor_of(request))
            messages.success(request, self.describe_result(accounts))
            return redirect(account_url(only.pk) if only else LIST)
        statuses = read_statuses(accounts)
        context: dict[str, Any] = {
            "title": self.question_of_one % {"account": only} if only else self.question,
            "is_pausing": self is PAUSE,
            "rows": [(account, statuses[account.pk]) for account in accounts],
            # Those who write to them will notice.
            "receiving": group_by_platform(
                [account for account in accounts if statuses[account.pk].facts.last_push]
            ),
            "failure_message": SERVICE_FAILURE_MESSAGE,
            "mini_program_failure_message": MINI_PROGRAM_FAILURE_MESSAGE,
        }
        return render_page(request, site, "pause.html", only, context)

    def describe_result(self, accounts: list[OfficialAccount]) -> Any:
        if not accounts:
            return _("There is nothing to change.")
        if len(accounts) == 1:
            return self.done_with_one % {"account": accounts[0]}
        return self.done % {"count": len(accounts)}


PAUSE = Step(
    "admin:pause_accounts",
    _("Pause these accounts?"),
    _("Pause %(account)s?"),
    _("Paused %(count)d accounts."),
    _("Paused %(account)s."),
    pause,
    changes={"is_paused": False},
)
RESUME = Step(
    "admin:resume_accounts",
    _("Resume these accounts?"),
    _("Resume %(account)s?"),
    _("Resumed %(count)d accounts."),
    _("Resumed %(account)s."),
    resume,
    changes={"is_paused": True},
)


def group_by_platform(accounts: list[OfficialAccount]) -> dict[str, list[OfficialAccount]]:
    """Return the accounts by the name of their platform, such as ``mini_program``."""
    groups: dict[str, list[OfficialAccount]] = {}
    for account in accounts:
        groups.setdefault(Platform(account.platform).label, []).append(account)
    return groups


def chosen_accounts(request: HttpRequest) -> QuerySet[OfficialAccount]:
    """Return the accounts whose ids are in the query.

    Ids of more than nine digits are ignored: no account has one, and databases limit integers.
    """
    texts = request.GET.getlist("account")
    ids = [text for text in texts if text.isascii() and text.isdigit() and len(text) < 10]
    return OfficialAccount.objects.filter(pk__in=ids)
