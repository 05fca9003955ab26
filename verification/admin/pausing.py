"""Pausing and resuming, each asked once more with what followers will notice."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from verification.account_status import AccountStatus, read_statuses
from verification.admin.account_pages import account_url, render_page, require
from verification.console import FOLLOWERS_READ
from verification.models import OfficialAccount


def ask(accounts: QuerySet[OfficialAccount], *, is_paused: bool) -> HttpResponse:
    """Go on to the page that asks."""
    name = "admin:pause_accounts" if is_paused else "admin:resume_accounts"
    query = urlencode([("account", account.pk) for account in accounts])
    return redirect(f"{reverse(name)}?{query}")


def pause(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    return confirm(site, request, is_paused=True)


def resume(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    return confirm(site, request, is_paused=False)


def confirm(site: admin.AdminSite, request: HttpRequest, *, is_paused: bool) -> HttpResponse:
    require(request, "change_officialaccount")
    accounts = chosen(request, is_paused)
    if request.method == "POST":
        return set_paused(request, accounts, is_paused=is_paused)
    statuses = read_statuses(accounts)
    context: dict[str, Any] = {
        "title": title(accounts, is_paused=is_paused),
        "is_pausing": is_paused,
        "rows": [(account, statuses[account.pk]) for account in accounts],
        "live": live(accounts, statuses),
        "followers_read": FOLLOWERS_READ,
    }
    only = accounts[0] if len(accounts) == 1 else None
    return render_page(request, site, "pause.html", only, context)


def title(accounts: list[OfficialAccount], *, is_paused: bool) -> Any:
    if len(accounts) == 1:
        words = _("Pause %(account)s?") if is_paused else _("Resume %(account)s?")
        return words % {"account": accounts[0]}
    return _("Pause these accounts?") if is_paused else _("Resume these accounts?")


def chosen(request: HttpRequest, is_paused: bool) -> list[OfficialAccount]:
    """Those of the query that are not so already."""
    ids = [text for text in request.GET.getlist("account") if text.isascii() and text.isdigit()]
    found = OfficialAccount.objects.filter(pk__in=[text[:9] for text in ids])
    return list(found.exclude(is_paused=is_paused))


def live(
    accounts: list[OfficialAccount], statuses: dict[int, AccountStatus]
) -> list[OfficialAccount]:
    """Those whose followers will notice."""
    return [account for account in accounts if statuses[account.pk].last_push]


def set_paused(
    request: HttpRequest, accounts: list[OfficialAccount], *, is_paused: bool
) -> HttpResponse:
    for account in accounts:
        act = account.pause if is_paused else account.resume
        act(actor=request.user.get_username())
    message = ngettext("%(count)d account changed.", "%(count)d accounts changed.", len(accounts))
    messages.success(request, message % {"count": len(accounts)})
    if len(accounts) == 1:
        return redirect(account_url(accounts[0].pk))
    return redirect("admin:verification_officialaccount_changelist")
